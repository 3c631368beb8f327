module openclaw.invalid/sdk

go 1.24
