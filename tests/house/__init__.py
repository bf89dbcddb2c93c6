"""The house's own rules: each is a function over a tree, held on this tree and seen to fail on a bad one."""
