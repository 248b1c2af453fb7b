#pragma once

#include <filesystem>
#include <string>

namespace biplane {

// Path of a data file that comes with the program (lexicon, prompts, report template), for example
// "lexicon/en.yaml". Looked up in $BIPLANE_SHARE, then share/biplane beside the folder of the
// running program (bin/ or libexec/biplane/), as installed and as built. Throws Error kMissingInput
// naming the folders tried.
std::filesystem::path share_file(const std::string& name);

// Folder of the running executable, from /proc/self/exe.
std::filesystem::path program_folder();

}  // namespace biplane
