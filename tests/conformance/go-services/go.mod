module services

go 1.24

require openclaw.invalid/sdk v0.0.0

replace openclaw.invalid/sdk => ../../../sdk/go
