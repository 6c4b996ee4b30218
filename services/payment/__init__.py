"""The payment processor: takes orders off the queue and captures each exactly once. A Lambda function."""
