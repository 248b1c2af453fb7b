#include "biplane/core/checksums.h"

#include <algorithm>
#include <string>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"

namespace biplane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFileName = "SHA256SUMS";
constexpr std::size_t kDigits = 64;
constexpr std::uint64_t kMaxBytes = 1 << 24;

[[noreturn]] void throw_damaged(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kBadContent, path.string() + ": " + what);
}

std::vector<std::string> files_of(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (name != kFileName) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

void write_checksums(const fs::path& folder) {
  std::string text;
  for (const std::string& name : files_of(folder)) {
    text += sha256_file(folder / name) + "  " + name + "\n";
  }
  write_file_atomically(folder / kFileName, text);
}

void verify_checksums(const fs::path& folder, const std::vector<std::string>& required) {
  const fs::path sums = folder / kFileName;
  if (!fs::exists(sums)) throw_damaged(folder, std::string("damaged: it has no ") + kFileName);
  const std::string text = read_file(sums, kMaxBytes);
  if (text.empty() || text.back() != '\n') throw_damaged(sums, "damaged: it is cut short");
  std::vector<std::string> listed;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.size() < kDigits + 3 || line.compare(kDigits, 2, "  ") != 0)
      throw_damaged(sums, "damaged line: " + line);
    listed.push_back(line.substr(kDigits + 2));
    const std::string normal = fs::path(listed.back()).lexically_normal().generic_string();
    if (normal.starts_with("..") || normal.starts_with("/"))
      throw_damaged(sums, "names a file outside its folder: " + listed.back());
    const fs::path file = folder / listed.back();
    if (!fs::exists(file))
      throw_damaged(file, std::string("is missing, but ") + kFileName + " names it");
    if (sha256_file(file) != line.substr(0, kDigits)) {
      throw_damaged(file, std::string("damaged: its SHA-256 is not the one in ") + kFileName);
    }
  }
  for (const std::string& name : required) {
    if (std::find(listed.begin(), listed.end(), name) == listed.end())
      throw_damaged(sums, "damaged: it does not name " + name);
  }
}

}  // namespace biplane
