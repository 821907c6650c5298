"""P7b: the plain PyTorch loop with torch.compile on loss and backward pass."""

import torch

from .torch_eager import main

if __name__ == "__main__":
    main(prepare=torch.compile)
