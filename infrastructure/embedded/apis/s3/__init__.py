"""S3: buckets and objects, kept in memory."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="s3",
    moto="s3",
    protocol="rest-xml",
    is_global=True,
    invalid_at={"createBucketConfiguration.locationConstraint": "InvalidLocationConstraint"},
    absent={"CompleteMultipartUpload": "MalformedXML", "DeleteObjectTagging": "NoSuchKey"},
    codes={"MissingUploadObjectWithObjectLockHeaders": "InvalidRequest"},
    body_limit=64 << 20,
    effects={
        "AbortMultipartUpload": "its parts are gone",
        "CompleteMultipartUpload": "an object of its parts",
        "CopyObject": "another object",
        "CreateBucket": "a bucket",
        "CreateMultipartUpload": "parts can be put",
        "DeleteBucket": "the bucket is gone",
        "DeleteBucketPolicy": "closes the bucket to unsigned requests",
        "DeleteObject": "the object is gone",
        "DeleteObjects": "the objects are gone",
        "DeletePublicAccessBlock": "policies may open the bucket to everybody",
        "PutBucketPolicy": "opens the bucket to unsigned requests, unless that is blocked; signed ones are not judged",
        "PutPublicAccessBlock": "policies may open the bucket to everybody, or may not",
        "PutBucketVersioning": "versions are kept",
        "PutObject": "an object",
        "UploadPart": "a part of an object",
        "UploadPartCopy": "a part of an object",
    },
    records={
        "access control lists open nothing": (
            "PutBucketAcl PutObjectAcl PutBucketOwnershipControls DeleteBucketOwnershipControls"
        ),
        "objects are kept as they are, in memory": (
            "PutBucketEncryption DeleteBucketEncryption PutBucketLifecycleConfiguration DeleteBucketLifecycle "
            "PutBucketCors DeleteBucketCors PutBucketLogging PutBucketNotificationConfiguration PutBucketWebsite "
            "DeleteBucketWebsite"
        ),
        "tags": "PutBucketTagging DeleteBucketTagging PutObjectTagging DeleteObjectTagging",
    },
    note="Buckets and objects are kept in memory, by path-style addresses. Requests are signed by version 4, URLs and "
    "forms (presigned POST) by 4 or 2. Unsigned requests are let in where a bucket's policy opens it to everybody "
    "(reads, puts and deletes of objects, forms, lists).",
    interceptors=("infrastructure.embedded.apis.s3.anonymous:Anonymous",),
    rules="infrastructure.embedded.apis.s3.rules",
    uploads="infrastructure.embedded.apis.s3.uploads:read",
    resources="infrastructure.embedded.apis.s3.resources",
)
