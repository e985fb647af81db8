"""What tools run on this machine with: programs under the warden."""
