"""OCI's formats, pure: names, digests and tags, manifests, and the manifest that is derived of a chart's row.

The distribution spec: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
The image spec: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md
"""
