"""AWS IAM: records of roles, users and policies; no call is authorised by them."""
