#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace biplane {

// SHA-256 of a text that comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::string_view piece);
  std::string hex();  // once, at the end: 64 lower-case hexadecimal digits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view data);

// SHA-256 of a file's content, read in pieces. Throws Error (kMissingInput, kIo).
std::string sha256_file(const std::filesystem::path& path);

}  // namespace biplane
