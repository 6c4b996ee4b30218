"""CloudFormation's engine and the resource types that moto lacks or keeps too little of; one file per API.

Adding a type is a class in one of the files, or a new one, and its line in `TYPES`.
"""
