"""Amazon ECR: records of repositories; no image is ever pulled."""
