"""Many threads of mixed boto3 calls: none may fail, nor be tried again."""
