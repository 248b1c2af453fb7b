#include "biplane/formats/guarded_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "biplane/formats/file_bytes.h"

namespace biplane {
namespace {

constexpr int kMaxDepth = 8;

class Guard {
 public:
  Guard(const std::string& what, const std::function<void(const std::string&)>& refuse)
      : what_(what), refuse_(refuse) {}
  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kMaxDepth) refuse_(what_ + " is nested too deeply");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second)
        refuse_(fmt::format("the name '{}' occurs twice", shown(key)));
    }
    return true;
  }

 private:
  const std::string& what_;
  const std::function<void(const std::string&)>& refuse_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

nlohmann::json parse_guarded_json(std::string_view text, const std::string& what,
                                  const std::function<void(const std::string&)>& refuse) {
  std::string cause;
  try {
    // The guard is held by reference: the parser copies the callback it is given.
    Guard guard(what, refuse);
    return nlohmann::json::parse(text, std::ref(guard));
  } catch (const nlohmann::json::exception& e) {
    cause = e.what();
  }
  refuse(fmt::format("{} is not JSON ({})", what, shown(cause)));
  return {};
}

}  // namespace biplane
