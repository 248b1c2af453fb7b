#include "biplane/eval/report_groups.h"

#include <unordered_map>

#include "biplane/eval/columns.h"

namespace biplane {

std::string normalised_report(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (blank) {
      if (!result.empty() && result.back() != ' ') result += ' ';
    } else {
      result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::vector<std::int64_t> report_groups(const EvaluationInput& input,
                                        const std::vector<std::int64_t>& rows) {
  std::unordered_map<std::string, std::int64_t> numbers;
  std::vector<std::int64_t> groups;
  for (const std::int64_t row : rows) {
    const auto next = static_cast<std::int64_t>(numbers.size());
    groups.push_back(
        numbers.emplace(normalised_report(study_of(input, row).report.text), next).first->second);
  }
  return groups;
}

}  // namespace biplane
