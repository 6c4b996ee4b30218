"""A stack with a cluster: it waits until the cluster is there, and leaves nothing when it goes."""

import pytest

from infrastructure.embedded.stacks.tests.world import Stacks

pytestmark = pytest.mark.anyio
TEMPLATE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: cluster
      AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  North:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Network, CidrBlock: 10.0.0.0/24, AvailabilityZone: us-east-1a}
  South:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Network, CidrBlock: 10.0.1.0/24, AvailabilityZone: us-east-1b}
  Cluster:
    Type: AWS::EKS::Cluster
    Properties:
      Name: cafe
      RoleArn: !GetAtt Role.Arn
      ResourcesVpcConfig: {SubnetIds: [!Ref North, !Ref South]}
  Nodes:
    Type: AWS::EKS::Nodegroup
    Properties:
      ClusterName: !Ref Cluster
      NodegroupName: main
      NodeRole: !GetAtt Role.Arn
      Subnets: [!Ref North, !Ref South]
      ScalingConfig: {MinSize: 1, MaxSize: 4, DesiredSize: SIZE}
  Viewer:
    Type: AWS::EKS::AccessEntry
    Properties:
      ClusterName: !Ref Cluster
      PrincipalArn: arn:aws:iam::123456789012:role/viewer
      AccessPolicies:
        - PolicyArn: arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy
          AccessScope: {Type: cluster}
  Identity:
    Type: AWS::EKS::PodIdentityAssociation
    Properties: {ClusterName: !Ref Cluster, Namespace: cafe, ServiceAccount: menu, RoleArn: !GetAtt ROLE.Arn}
  Other:
    Type: AWS::IAM::Role
    Properties: {RoleName: other, AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}
  FromNodes:
    Type: AWS::EC2::SecurityGroupIngress
    Properties:
      GroupId: !GetAtt Cluster.ClusterSecurityGroupId
      CidrIp: 10.0.0.0/16
      IpProtocol: tcp
      FromPort: 8080
      ToPort: 8080
  Names: {Type: AWS::EKS::Addon, Properties: {ClusterName: !Ref Cluster, AddonName: coredns}}
Outputs:
  Endpoint: {Value: !GetAtt Cluster.Endpoint}
  Group: {Value: !Ref Nodes}
  Identity: {Value: !GetAtt Identity.AssociationId}
"""
FIRST, SECOND = (TEMPLATE.replace("SIZE", size).replace("ROLE", role) for size, role in (("2", "Role"), ("3", "Other")))


async def test_a_stack_makes_changes_and_deletes_a_cluster() -> None:
    stacks = Stacks()
    call = stacks.backends.operations.call
    await stacks.call("CreateStack", StackName="kube", TemplateBody=FIRST)
    assert await stacks.status("kube") == "CREATE_COMPLETE", await stacks.events("kube")
    group = {"clusterName": "cafe", "nodegroupName": "main"}
    assert call("eks", "DescribeNodegroup", **group)["nodegroup"]["scalingConfig"]["desiredSize"] == 2
    entry = {"clusterName": "cafe", "principalArn": "arn:aws:iam::123456789012:role/viewer"}
    [policy] = call("eks", "ListAssociatedAccessPolicies", **entry)["associatedAccessPolicies"]
    assert policy["policyArn"].endswith("AmazonEKSAdminViewPolicy")
    named = {"clusterName": "cafe", "associationId": (await stacks.outputs("kube"))["Identity"]}
    assert call("eks", "DescribePodIdentityAssociation", **named)["association"]["roleArn"].endswith("role/cluster")
    await stacks.call("UpdateStack", StackName="kube", TemplateBody=SECOND)
    assert await stacks.status("kube") == "UPDATE_COMPLETE", await stacks.events("kube")
    assert call("eks", "DescribeNodegroup", **group)["nodegroup"]["scalingConfig"]["desiredSize"] == 3
    assert call("eks", "DescribePodIdentityAssociation", **named)["association"]["roleArn"].endswith("role/other")
    await stacks.call("DeleteStack", StackName="kube")
    assert call("eks", "ListClusters")["clusters"] == []
