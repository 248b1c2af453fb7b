#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "biplane/eval/suite.h"

namespace biplane {

// The parts of a suite on the disk, and what tells whether one is still what would be measured.

// manifest.jsonl of a manifest or its folder.
std::filesystem::path manifest_file(const std::filesystem::path& manifest);

// All that the rows of a manifest's parts depend on, without the task; by content, not by name.
nlohmann::ordered_json part_terms(const EvaluateOptions& options);
// All that a head's training depends on, without its seeds. Its rows depend on these and on
// `bootstrap` too. `manifest_terms`: part_terms() of its manifest.
nlohmann::ordered_json head_terms(const SuiteHead& head,
                                  const nlohmann::ordered_json& manifest_terms);

// 16 hexadecimal digits of the terms with the task.
std::string part_key(nlohmann::ordered_json terms, const std::string& task);
// "rsna-zero_shot-0123456789abcdef": of a part's file, of a head's folder.
std::string part_name(const std::string& corpus, const std::string& name, const std::string& key);

void write_part(const std::filesystem::path& file, const SuitePart& part);
// Nothing where there is none. Its rows go into results that are only appended to, so a part that
// is not as it was written is refused as a whole: Error kBadContent.
std::optional<SuitePart> read_part(const std::filesystem::path& file);

}  // namespace biplane
