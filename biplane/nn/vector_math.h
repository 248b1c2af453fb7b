#pragma once

namespace biplane {

// Lets LibTorch's vector mathematics (exp, log, sqrt, ... of whole tensors) choose its kernels now,
// on this thread alone; only the first call of a process does anything, later ones return at once.
//
// MKL chooses the kernel of each function in the first call of it. Where two threads make that call
// at the same time, one of them can get a kernel of low accuracy, once: the last digits of a loss
// then differ from run to run (oneMKL 2024.2, github.com/pytorch/pytorch/issues/188792). To be
// called before tensors are computed on more than one thread.
void choose_vector_math();

}  // namespace biplane
