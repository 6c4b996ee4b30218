"""A stack with a cluster: it waits until the cluster is there, and leaves nothing when it goes."""

import pytest

from infrastructure.embedded.stacks.tests.world import Stacks

pytestmark = pytest.mark.anyio
TEMPLATE = """
Resources:
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
      RoleArn: arn:aws:iam::123456789012:role/cluster
      ResourcesVpcConfig: {SubnetIds: [!Ref North, !Ref South]}
  Nodes:
    Type: AWS::EKS::Nodegroup
    Properties:
      ClusterName: !Ref Cluster
      NodegroupName: main
      NodeRole: arn:aws:iam::123456789012:role/node
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
  Names: {Type: AWS::EKS::Addon, Properties: {ClusterName: !Ref Cluster, AddonName: coredns}}
Outputs:
  Endpoint: {Value: !GetAtt Cluster.Endpoint}
  Group: {Value: !Ref Nodes}
"""


async def test_a_stack_makes_changes_and_deletes_a_cluster() -> None:
    stacks = Stacks()
    call = stacks.backends.operations.call
    await stacks.call("CreateStack", StackName="kube", TemplateBody=TEMPLATE.replace("SIZE", "2"))
    assert await stacks.status("kube") == "CREATE_COMPLETE", await stacks.events("kube")
    group = {"clusterName": "cafe", "nodegroupName": "main"}
    assert call("eks", "DescribeNodegroup", **group)["nodegroup"]["scalingConfig"]["desiredSize"] == 2
    entry = {"clusterName": "cafe", "principalArn": "arn:aws:iam::123456789012:role/viewer"}
    [policy] = call("eks", "ListAssociatedAccessPolicies", **entry)["associatedAccessPolicies"]
    assert policy["policyArn"].endswith("AmazonEKSAdminViewPolicy")
    await stacks.call("UpdateStack", StackName="kube", TemplateBody=TEMPLATE.replace("SIZE", "3"))
    assert await stacks.status("kube") == "UPDATE_COMPLETE", await stacks.events("kube")
    assert call("eks", "DescribeNodegroup", **group)["nodegroup"]["scalingConfig"]["desiredSize"] == 3
    await stacks.call("DeleteStack", StackName="kube")
    assert call("eks", "ListClusters")["clusters"] == []
