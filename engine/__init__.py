"""What trains and judges. Knows no terminal."""
