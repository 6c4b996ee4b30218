"""The instance metadata service: who an instance is and whose keys it has, on a loopback port of its own each.

    program ── AWS_EC2_METADATA_SERVICE_ENDPOINT ─▶ doorway ─▶ service: options, tokens ─▶ tree of categories

On AWS every instance asks 169.254.169.254, and the network knows which one does. AWS's SDKs and its CLI take another
address from `AWS_EC2_METADATA_SERVICE_ENDPOINT`; here each instance has one, which answers its own user alone.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
"""
