"""The domain: a repository, kept right by two steps.

    stored packages ──sync_file──▶ rows of the catalog ──publish_index──▶ index.yaml

The store is the truth, a row is what is known of one file, the index is the fold of the rows. Every trigger (upload,
delete, event, schedule) runs the same two steps; `sync` and `publish` say why they are safe. `changes` is what clients
change, `lookup` what they read, `maintenance` what runs without a client.
"""
