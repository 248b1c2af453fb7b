#pragma once

namespace biplane {

// Tensor operations of this thread use one thread each while this lives: for small tensors,
// parallel over studies or batches is faster than parallel inside operations, whose threads would
// fight for the same cores, and the result does not depend on the number of cores.
class OneThreadPerOperation {
 public:
  OneThreadPerOperation();
  ~OneThreadPerOperation();
  OneThreadPerOperation(const OneThreadPerOperation&) = delete;
  OneThreadPerOperation& operator=(const OneThreadPerOperation&) = delete;

 private:
  int before_;
};

}  // namespace biplane
