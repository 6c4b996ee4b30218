"""Secrets Manager: values in memory, and the rotation of those that RDS, DocumentDB and Redshift manage."""

from infrastructure.embedded.gateway.api import Api, Token, names

API = Api(
    name="secretsmanager",
    moto="secretsmanager",
    handler="SecretsManagerResponse",
    protocol="json",
    target="secretsmanager",
    effects={
        "CancelRotateSecret": "rotated no more when asked",
        "DeleteSecret": "gone, or scheduled to go",
        "GetRandomPassword": "a random password",
        "GetSecretValue": "the value that was put",
        "PutSecretValue": "another version",
        "RestoreSecret": "there again",
        "UpdateSecret": "another version",
        "UpdateSecretVersionStage": "another version is current",
    },
    kinder={
        "GetSecretValue": "never stale",
    },
    records={"tags and policies": "TagResource UntagResource PutResourcePolicy DeleteResourcePolicy"},
    tokens=dict.fromkeys(
        names("CreateSecret PutSecretValue RotateSecret UpdateSecret"),
        Token(member="ClientRequestToken", names="the version of the secret"),
    ),
    note="Only the secrets that RDS, DocumentDB and Redshift manage are rotated, and only when asked: nothing here "
    "lives for days.",
    controller="infrastructure.embedded.apis.secretsmanager.controller:SecretsManagerController",
    resources="infrastructure.embedded.apis.secretsmanager.resources",
)
