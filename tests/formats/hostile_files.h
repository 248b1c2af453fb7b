#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/formats/weight_file.h"
#include "tests/formats/guarded_child.h"
#include "tests/formats/weight_bytes.h"
#include "tests/test_data.h"

namespace biplane::testing {

struct Hostile {
  std::string what, content, expected;
};

// What is wrong with the way a file is refused; empty if nothing is. It is opened and read whole,
// as an import does. `expected` is part of the message; empty for a file that is accepted.
inline std::string complaint_about(const std::filesystem::path& path, const std::string& expected) {
  try {
    const WeightFile file = WeightFile::open(path);
    for (const WeightEntry& entry : file.entries()) bytes_of(file, entry);
    return expected.empty() ? "" : "accepted";
  } catch (const Error& e) {
    const std::string message = e.what();
    const bool is_good = !expected.empty() && e.kind() == ErrorKind::kBadContent &&
                         message.find("hostile.pt") != std::string::npos &&
                         message.find(expected) != std::string::npos &&
                         message.find('\n') == std::string::npos && message.size() < 600;
    return is_good ? "" : "refused with: " + message.substr(0, 1000);
  }
}

// Each file has a process of its own with limits of memory and time.
inline void expect_refused(const std::vector<Hostile>& files) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder / "hostile.pt";
  for (const Hostile& hostile : files) {
    std::ofstream(path, std::ios::binary) << hostile.content;
    EXPECT_EQ(complaint_in_child([&] { return complaint_about(path, hostile.expected); }), "")
        << hostile.what;
  }
}

}  // namespace biplane::testing
