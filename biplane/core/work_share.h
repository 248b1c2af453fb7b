#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace biplane {

// The part of a job that one of several machines does: of items numbered from 0, those whose
// number % count == index.
struct WorkShare {
  std::int64_t index = 0, count = 1;
  bool has(std::int64_t number) const { return number % count == index; }
  bool is_all() const { return count == 1; }
  std::string name() const {  // "2-of-8", for files
    return std::to_string(index) + "-of-" + std::to_string(count);
  }
  std::string text() const { return std::to_string(index) + "/" + std::to_string(count); }
};

// "2/8": the third of eight shares. Throws Error kUsage naming `option` for anything else.
WorkShare parse_work_share(const std::string& text, const std::string& option);

// The share of this process under a launcher (RANK and WORLD_SIZE of torchrun, else SLURM's, Open
// MPI's or PMI's variables); nothing where it is the only one. Throws Error kUsage naming the
// variables for values that are none.
std::optional<WorkShare> launcher_share();

}  // namespace biplane
