// Entry points of libFuzzer, shared by all targets. Usage: fuzz_NAME [options] [FOLDER]; with a
// folder that is empty the seeds are written into it first.
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz/seed_corpus.h"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    const std::filesystem::path folder = (*arguments)[i];
    std::error_code ignored;
    if ((*arguments)[i][0] == '-' || !std::filesystem::is_directory(folder, ignored)) continue;
    if (!std::filesystem::is_empty(folder, ignored)) continue;
    int number = 0;
    for (const std::string& seed : biplane::fuzz::seeds())
      std::ofstream(folder / ("seed" + std::to_string(number++)), std::ios::binary) << seed;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  biplane::fuzz::one_input(data, size);
  return 0;
}
