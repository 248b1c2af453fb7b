#pragma once

#include <filesystem>

namespace biplane {

// Makes a folder and keeps other processes that ask for the same lock out of it until this object
// goes (or the process ends, however it ends). Leaves no file behind.
class FolderLock {
 public:
  // Throws Error kIo where the folder cannot be made or opened, kUsage ("... is in use by another
  // process") where another has it.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace biplane
