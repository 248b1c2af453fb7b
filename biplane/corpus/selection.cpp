#include "biplane/corpus/selection.h"

#include <algorithm>
#include <charconv>

#include "biplane/core/error.h"

namespace biplane {
namespace {

[[noreturn]] void throw_bad(const std::string& key, const std::string& value,
                            const std::string& allowed) {
  throw Error(ErrorKind::kUsage,
              "selection: " + key + " is '" + value + "'; it must be " + allowed);
}

bool parse_choice(const std::string& key, const std::string& value, const std::string& no,
                  const std::string& yes) {
  if (value == yes) return true;
  if (value != no) throw_bad(key, value, no + " or " + yes);
  return false;
}

void set_key(StudyFilter& filter, const std::string& key, const std::string& value) {
  if (key == "split") {
    filter.split = value;
  } else if (key == "views") {
    filter.require_both = parse_choice(key, value, "any", "both");
  } else if (key == "report") {
    filter.require_report = parse_choice(key, value, "any", "required");
  } else if (key == "invert") {
    filter.invert = parse_choice(key, value, "false", "true");
  } else if (key == "limit") {
    const auto [end, error] =
        std::from_chars(value.data(), value.data() + value.size(), filter.limit);
    if (error != std::errc{} || end != value.data() + value.size())
      throw_bad(key, value, "a number");
  } else {
    throw Error(ErrorKind::kUsage,
                "selection: unknown key '" + key + "'" +
                    did_you_mean(key, {"split", "views", "report", "limit", "invert"},
                                 "; known: split, views, report, limit, invert"));
  }
}

void check_filter(const StudyFilter& filter) {
  if (!filter.split.empty() && filter.split != "all" && !parse_split(filter.split)) {
    throw_bad("split", filter.split, "train, validate, test or all");
  }
  if (filter.limit < 0) throw_bad("limit", std::to_string(filter.limit), "0 (all) or more");
}

}  // namespace

bool has_frontal(const Study& study) { return first_view(study, false).has_value(); }
bool has_lateral(const Study& study) { return first_view(study, true).has_value(); }

std::optional<std::int64_t> first_view(const Study& study, bool lateral) {
  for (std::size_t i = 0; i < study.views.size(); ++i) {
    const ViewPosition position = study.views[i].view;
    if (lateral ? position == ViewPosition::kLateral : is_frontal(position))
      return static_cast<std::int64_t>(i);
  }
  return std::nullopt;
}

StudyFilter StudyFilter::parse(const std::string& text) {
  StudyFilter filter;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      throw Error(ErrorKind::kUsage,
                  "selection: '" + item + "' is not KEY=VALUE, for example views=both,limit=16");
    }
    set_key(filter, item.substr(0, equals), item.substr(equals + 1));
    begin = end + 1;
  }
  check_filter(filter);
  return filter;
}

std::vector<std::int64_t> select_studies(const Manifest& manifest, const StudyFilter& filter,
                                         const std::vector<std::int64_t>& without) {
  check_filter(filter);
  const auto split = parse_split(filter.split);
  std::vector<std::int64_t> base, chosen;
  for (std::int64_t i = 0; i < manifest.size(); ++i) {
    const StudySummary& study = manifest.summary(i);
    if (split && study.split != *split) continue;
    if (std::binary_search(without.begin(), without.end(), i)) continue;
    base.push_back(i);
    if (filter.require_both && !(study.has_frontal && study.has_lateral)) continue;
    if (filter.require_report && !study.has_report) continue;
    chosen.push_back(i);
  }
  if (filter.limit > 0 && static_cast<std::int64_t>(chosen.size()) > filter.limit) {
    std::sort(chosen.begin(), chosen.end(), [&manifest](std::int64_t a, std::int64_t b) {
      return manifest.summary(a).study_id < manifest.summary(b).study_id;
    });
    chosen.resize(static_cast<std::size_t>(filter.limit));
    std::sort(chosen.begin(), chosen.end());
  }
  if (!filter.invert) return chosen;
  std::vector<std::int64_t> others;
  std::set_difference(base.begin(), base.end(), chosen.begin(), chosen.end(),
                      std::back_inserter(others));
  return others;
}

}  // namespace biplane
