"""What an operator runs: the commands, and a server's processes from their start to their stop."""
