"""What holds charthouse to its promises."""
