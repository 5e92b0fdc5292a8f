"""What people write, rollout files above all: text to plain data to structs, with every mistake in plain words."""
