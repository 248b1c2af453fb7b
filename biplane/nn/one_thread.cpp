#include "biplane/nn/one_thread.h"

#include <ATen/Parallel.h>

namespace biplane {

OneThreadPerOperation::OneThreadPerOperation() : before_(at::get_num_threads()) {
  if (before_ != 1) at::set_num_threads(1);
}

OneThreadPerOperation::~OneThreadPerOperation() {
  if (before_ != 1) at::set_num_threads(before_);
}

}  // namespace biplane
