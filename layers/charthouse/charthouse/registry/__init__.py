"""The OCI registry: another way to the charts of a repository, and a store of artifacts beside them.

A chart is never stored here: its package lies where every package lies, and the row of the catalog says which it is.
What is stored are blobs and manifests by their digests, the tags of artifacts that are no charts, and uploads under
way. `lookup` answers what clients pull, `uploads` and `manifests` store what they push, `collect` deletes what nothing
refers to.
"""
