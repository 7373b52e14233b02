"""Helm's formats, pure: chart references, packages, provenance, versions, index entries and index bytes."""
