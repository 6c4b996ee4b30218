"""ECR: repositories, by whose names images are found in the catalogue."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="ecr",
    moto="ecr",
    handler="ECRResponse",
    protocol="json",
    target="AmazonEC2ContainerRegistry_V20150921",
    absent={"PutImage": "RepositoryNotFoundException"},
    invalid="InvalidParameterException",
    records={"no image is ever pulled: an image's name finds the service's entry point in the catalogue": "*"},
    note="No image is ever pulled: an image's name finds the service's entry point in the catalogue.",
    resources="infrastructure.embedded.apis.ecr.resources",
)
