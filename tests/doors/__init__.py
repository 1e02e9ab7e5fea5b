"""How rlaif is entered: an installed wheel, each extra, an odd machine, somebody who is not root."""
