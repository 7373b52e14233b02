"""Where the pieces meet: what each function is made of. `storing` carries the SDK, the others do not."""
