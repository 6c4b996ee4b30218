"""The database's login, as RDS keeps it in Secrets Manager."""

from services.chassis.aws.blocking import BlockingCaller
from services.chassis.postgres.connection import Login
from services.chassis.postgres.login import login_in


class DatabaseSecret:
    """The login in the secret `secret_id`, read once and again when the database no longer takes it."""

    def __init__(self, secretsmanager: BlockingCaller, secret_id: str) -> None:
        self._secretsmanager = secretsmanager
        self._secret_id = secret_id
        self._login: Login | None = None

    @property
    def name(self) -> str:
        return self._secret_id

    def login(self) -> Login:
        """The login; `AwsError` when it cannot be read now, `ConfigurationError` when what is there is none."""
        if self._login is None:
            answer = self._secretsmanager.call("GetSecretValue", {"SecretId": self._secret_id})
            self._login = login_in(answer, self._secret_id)
        return self._login

    def forget(self) -> None:
        """The database refused it: it was rotated, so read it anew next time."""
        self._login = None
