"""One resource of each type that has tags, what it needs around it, and how its API tells its tags."""

import sys
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.stacks import template
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.stacks.made import Made

TRUST = '{Version: "2012-10-17", Statement: []}'
AROUND = f"""
Network: {{Type: AWS::EC2::VPC, Properties: {{CidrBlock: 10.0.0.0/16}}}}
North:
  Type: AWS::EC2::Subnet
  Properties: {{VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}}
South:
  Type: AWS::EC2::Subnet
  Properties: {{VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}}
Address: {{Type: AWS::EC2::EIP, Properties: {{Domain: vpc}}}}
Balancer:
  Type: AWS::ElasticLoadBalancingV2::LoadBalancer
  Properties: {{Name: b, Subnets: [!Ref North, !Ref South]}}
Targets:
  Type: AWS::ElasticLoadBalancingV2::TargetGroup
  Properties: {{Name: t, Protocol: HTTP, Port: 80, VpcId: !Ref Network}}
Listener:
  Type: AWS::ElasticLoadBalancingV2::Listener
  Properties:
    LoadBalancerArn: !Ref Balancer
    Port: 80
    Protocol: HTTP
    DefaultActions: [{{Type: forward, TargetGroupArn: !Ref Targets}}]
KubeRole:
  Type: AWS::IAM::Role
  Properties: {{RoleName: k, AssumeRolePolicyDocument: {TRUST}}}
Kube:
  Type: AWS::EKS::Cluster
  Properties:
    Name: k
    RoleArn: !GetAtt KubeRole.Arn
    ResourcesVpcConfig: {{SubnetIds: [!Ref North, !Ref South]}}
Net: {{Type: AWS::VpcLattice::ServiceNetwork, Properties: {{Name: net}}}}
Found: {{Type: AWS::VpcLattice::Service, Properties: {{Name: found}}}}
Door:
  Type: AWS::VpcLattice::Listener
  Properties:
    ServiceIdentifier: !Ref Found
    Name: door
    Protocol: HTTP
    DefaultAction: {{FixedResponse: {{StatusCode: 404}}}}
Nodes: {{Type: AWS::MemoryDB::SubnetGroup, Properties: {{SubnetGroupName: n, SubnetIds: [!Ref North]}}}}
Cluster: {{Type: AWS::ECS::Cluster, Properties: {{ClusterName: c}}}}
Task:
  Type: AWS::ECS::TaskDefinition
  Properties: {{Family: f, ContainerDefinitions: [{{Name: main, Image: main, Memory: 1}}]}}
Service:
  Type: AWS::ECS::Service
  Properties: {{ServiceName: s, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, LaunchType: FARGATE}}
Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: source}}}}
Function:
  Type: AWS::Lambda::Function
  Properties:
    FunctionName: work
    Handler: app.handle
    Runtime: python3.{sys.version_info.minor}
    Role: arn:aws:iam::123456789012:role/work
    Code: {{S3Bucket: artifacts, S3Key: work.zip}}
Documents:
  Type: AWS::DocDB::DBCluster
  Properties: {{DBClusterIdentifier: documents, MasterUsername: m, MasterUserPassword: correct-horse}}
Database:
  Type: AWS::RDS::DBCluster
  Properties: {{DBClusterIdentifier: d, Engine: aurora-postgresql, MasterUsername: m, ManageMasterUserPassword: true}}
"""
TAGGED: Mapping[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": """
        {ServiceNamespace: ecs, ScalableDimension: "ecs:service:DesiredCount", MinCapacity: 1, MaxCapacity: 2,
         ResourceId: !Sub "service/${Cluster}/${Service.Name}"}""",
    "AWS::CloudWatch::Alarm": "{AlarmName: a, ComparisonOperator: GreaterThanThreshold, EvaluationPeriods: 1}",
    "AWS::DocDB::DBCluster": "{DBClusterIdentifier: it, MasterUsername: m, MasterUserPassword: correct-horse}",
    "AWS::DocDB::DBClusterParameterGroup": "{Name: it, Description: p, Family: docdb8.0, Parameters: {tls: disabled}}",
    "AWS::DocDB::DBInstance": """
        {DBInstanceIdentifier: it, DBClusterIdentifier: !Ref Documents, DBInstanceClass: db.t4g.medium}""",
    "AWS::DocDB::DBSubnetGroup": """
        {DBSubnetGroupName: it, DBSubnetGroupDescription: s, SubnetIds: [!Ref North, !Ref South]}""",
    "AWS::EKS::AccessEntry": "{ClusterName: !Ref Kube, PrincipalArn: arn:aws:iam::123456789012:role/it}",
    "AWS::EKS::Addon": "{ClusterName: !Ref Kube, AddonName: coredns}",
    "AWS::EKS::Cluster": """
        {Name: it, RoleArn: !GetAtt KubeRole.Arn,
         ResourcesVpcConfig: {SubnetIds: [!Ref North, !Ref South]}}""",
    "AWS::EKS::Nodegroup": """
        {ClusterName: !Ref Kube, NodegroupName: it, NodeRole: !GetAtt KubeRole.Arn,
         Subnets: [!Ref North, !Ref South]}""",
    "AWS::EKS::PodIdentityAssociation": """
        {ClusterName: !Ref Kube, Namespace: cafe, ServiceAccount: it, RoleArn: !GetAtt KubeRole.Arn}""",
    "AWS::DynamoDB::Table": """
        {TableName: t, BillingMode: PAY_PER_REQUEST, KeySchema: [{AttributeName: id, KeyType: HASH}],
         AttributeDefinitions: [{AttributeName: id, AttributeType: S}]}""",
    "AWS::EC2::EIP": "{Domain: vpc}",
    "AWS::EC2::InternetGateway": "{}",
    "AWS::EC2::NatGateway": "{SubnetId: !Ref North, AllocationId: !GetAtt Address.AllocationId}",
    "AWS::EC2::NetworkInterface": "{SubnetId: !Ref North}",
    "AWS::EC2::RouteTable": "{VpcId: !Ref Network}",
    "AWS::EC2::SecurityGroup": "{GroupDescription: g, VpcId: !Ref Network}",
    "AWS::EC2::Subnet": "{VpcId: !Ref Network, CidrBlock: 10.0.9.0/24}",
    "AWS::EC2::VPC": "{CidrBlock: 10.9.0.0/16}",
    "AWS::EC2::VPCEndpoint": "{VpcId: !Ref Network, ServiceName: com.amazonaws.us-east-1.s3}",
    "AWS::ECR::Repository": "{RepositoryName: r}",
    "AWS::ECS::Cluster": "{ClusterName: it}",
    "AWS::ECS::Service": "{ServiceName: it, Cluster: !Ref Cluster, TaskDefinition: !Ref Task, LaunchType: FARGATE}",
    "AWS::ECS::TaskDefinition": "{Family: it, ContainerDefinitions: [{Name: main, Image: main, Memory: 1}]}",
    "AWS::ElastiCache::ReplicationGroup": """
        {ReplicationGroupId: it, ReplicationGroupDescription: r, Engine: redis, CacheNodeType: cache.t4g.small,
         NumCacheClusters: 2, AutomaticFailoverEnabled: true}""",
    "AWS::ElastiCache::SubnetGroup": "{CacheSubnetGroupName: it, Description: s, SubnetIds: [!Ref North]}",
    "AWS::ElasticLoadBalancingV2::Listener": """
        {LoadBalancerArn: !Ref Balancer, Port: 81, Protocol: HTTP,
         DefaultActions: [{Type: forward, TargetGroupArn: !Ref Targets}]}""",
    "AWS::ElasticLoadBalancingV2::ListenerRule": """
        {ListenerArn: !Ref Listener, Priority: 1, Actions: [{Type: forward, TargetGroupArn: !Ref Targets}],
         Conditions: [{Field: path-pattern, Values: ["/"]}]}""",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "{Name: it, Subnets: [!Ref North, !Ref South]}",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "{Name: it, Protocol: HTTP, Port: 80, VpcId: !Ref Network}",
    "AWS::IAM::Role": f"{{RoleName: it, AssumeRolePolicyDocument: {TRUST}}}",
    "AWS::IAM::User": "{UserName: it}",
    "AWS::Kinesis::Stream": "{Name: it, ShardCount: 1}",
    "AWS::Lambda::EventSourceMapping": "{EventSourceArn: !GetAtt Queue.Arn, FunctionName: !Ref Function}",
    "AWS::Lambda::Function": f"""
        {{FunctionName: it, Handler: app.handle, Runtime: python3.{sys.version_info.minor},
         Role: arn:aws:iam::123456789012:role/it, Code: {{S3Bucket: artifacts, S3Key: work.zip}}}}""",
    "AWS::Logs::LogGroup": "{LogGroupName: it}",
    "AWS::RDS::DBCluster": """
        {DBClusterIdentifier: it, Engine: aurora-postgresql, MasterUsername: m, ManageMasterUserPassword: true}""",
    "AWS::RDS::DBClusterParameterGroup": """
        {DBClusterParameterGroupName: it, Description: p, Family: aurora-postgresql16, Parameters: {work_mem: "64"}}""",
    "AWS::RDS::DBInstance": """
        {DBInstanceIdentifier: it, DBClusterIdentifier: !Ref Database, DBInstanceClass: db.t4g.medium,
         Engine: aurora-postgresql}""",
    "AWS::MemoryDB::ACL": "{ACLName: it}",
    "AWS::MemoryDB::Cluster": """
        {ClusterName: it, NodeType: db.t4g.small, ACLName: open-access, SubnetGroupName: !Ref Nodes}""",
    "AWS::MemoryDB::SubnetGroup": "{SubnetGroupName: it, SubnetIds: [!Ref North]}",
    "AWS::MemoryDB::User": """
        {UserName: it, AccessString: on ~* +@all,
         AuthenticationMode: {Type: password, Passwords: [correct-horse-battery]}}""",
    "AWS::RDS::DBSubnetGroup": """
        {DBSubnetGroupName: it, DBSubnetGroupDescription: s, SubnetIds: [!Ref North, !Ref South]}""",
    "AWS::Redshift::Cluster": """
        {ClusterIdentifier: it, ClusterType: single-node, NodeType: ra3.large, DBName: dev, MasterUsername: m,
         ManageMasterPassword: true}""",
    "AWS::Redshift::ClusterSubnetGroup": "{Description: s, SubnetIds: [!Ref North]}",
    "AWS::S3::Bucket": "{BucketName: it-is}",
    "AWS::SQS::Queue": "{QueueName: it}",
    "AWS::SecretsManager::Secret": "{Name: it, SecretString: text}",
    "AWS::VpcLattice::Listener": """
        {ServiceIdentifier: !Ref Found, Name: it-is, Protocol: HTTP,
         DefaultAction: {FixedResponse: {StatusCode: 404}}}""",
    "AWS::VpcLattice::Rule": """
        {ServiceIdentifier: !Ref Found, ListenerIdentifier: !Ref Door, Name: it-is, Priority: 1,
         Match: {HttpMatch: {Method: GET}}, Action: {FixedResponse: {StatusCode: 404}}}""",
    "AWS::VpcLattice::Service": "{Name: it-is}",
    "AWS::VpcLattice::ServiceNetwork": "{Name: it-is}",
    "AWS::VpcLattice::ServiceNetworkServiceAssociation": """
        {ServiceNetworkIdentifier: !Ref Net, ServiceIdentifier: !Ref Found}""",
    "AWS::VpcLattice::ServiceNetworkVpcAssociation": """
        {ServiceNetworkIdentifier: !Ref Net, VpcIdentifier: !Ref Network}""",
    "AWS::VpcLattice::TargetGroup": "{Name: it-is, Type: IP, Config: {VpcIdentifier: !Ref Network}}",
}
"""Type to properties, without tags."""
_MAPPED = frozenset({"AWS::EKS::Nodegroup"})
"""Types whose tags are a map."""
_ASKED: Mapping[str, tuple[str, str]] = {
    "dynamodb": ("ListTagsOfResource", "Tags"),
    "kinesis": ("ListTagsForStream", "Tags"),
    "lambda": ("ListTags", "Tags"),
    "memorydb": ("ListTags", "TagList"),
    "secretsmanager": ("DescribeSecret", "Tags"),
    "sqs": ("ListQueueTags", "Tags"),
}
"""API to the call that tells tags, where it is not ListTagsForResource, and what has them in its output."""


def body_of(kind: str, tags: Mapping[str, str]) -> dict[str, Any]:
    """A template with the resource `It` and what it refers to."""
    around = template.parse(AROUND)
    properties = template.parse(f"Properties: {TAGGED[kind].strip()}")["Properties"]
    if tags:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        properties = {**properties, "Tags": dict(tags) if kind in _MAPPED else listed}
    resources: dict[str, Any] = {"It": {"Type": kind, "Properties": properties}}
    while more := (set(template.references(list(resources.values()))) & set(around)) - set(resources):
        resources |= {name: around[name] for name in more}
    return {"Resources": resources}


def tags_of(made: Made) -> dict[str, str]:
    """The tags that the resource's API says it has."""
    told = _told(made, {} if made.kind.tags is None else made.values(made.kind.tags.where))
    if isinstance(told, Mapping):
        return dict(told)
    return {str(each.get("Key", each.get("key"))): str(each.get("Value", each.get("value"))) for each in told}


def _told(made: Made, where: Mapping[str, Any]) -> Any:
    api = made.kind.api
    match api:
        case "ec2":
            [identifier] = where.values()
            return made.call(api, "DescribeTags", Filters=[{"Name": "resource-id", "Values": [identifier]}])["Tags"]
        case "elasticloadbalancing":
            return made.call(api, "DescribeTags", ResourceArns=list(where.values()))["TagDescriptions"][0]["Tags"]
        case "iam":
            return made.call(api, f"List{made.kind.item}Tags", **where)["Tags"]
        case "redshift":
            return [each["Tag"] for each in made.call(api, "DescribeTags", **where)["TaggedResources"]]
        case "s3":
            return _of_bucket(made)
    action, member = _ASKED.get(api, ("ListTagsForResource", ""))
    output = made.call(api, action, **where)
    return output[member] if member else next(output[name] for name in ("TagList", "Tags", "tags") if name in output)


def _of_bucket(made: Made) -> Any:
    try:
        return made.call("s3", "GetBucketTagging", Bucket=made.physical_resource_id)["TagSet"]
    except ApiError as refusal:
        if refusal.code != "NoSuchTagSet":
            raise
        return []
