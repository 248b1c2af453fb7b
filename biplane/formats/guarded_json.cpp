#include "biplane/formats/guarded_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "biplane/formats/file_bytes.h"

namespace biplane {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 8;
constexpr std::size_t kMaxNames = 200'000;  // of one object

// Looks at a text before anything is kept of it. (The parser's own callback is of no use here: it
// goes through all earlier members of an object for each that is an object.)
class Guard : public nlohmann::json_sax<json> {
 public:
  Guard(const std::string& what, const std::function<void(const std::string&)>& refuse)
      : what_(what), refuse_(refuse) {}

  bool key(string_t& name) override {
    if (!names_.back().insert(name).second)
      refuse_(fmt::format("the name '{}' occurs twice", shown(name)));
    if (names_.back().size() > kMaxNames)
      refuse_(fmt::format("{} has more than {} names", what_, kMaxNames));
    return true;
  }
  bool start_object(std::size_t) override { return open(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  // Said by the parser that comes after.
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  bool open() {
    if (names_.size() > kMaxDepth) refuse_(what_ + " is nested too deeply");
    names_.emplace_back();
    return true;
  }
  bool close() {
    names_.pop_back();
    return true;
  }

  const std::string& what_;
  const std::function<void(const std::string&)>& refuse_;
  std::vector<std::set<std::string>> names_;  // of each object (none of an array) that is open
};

}  // namespace

nlohmann::json parse_guarded_json(std::string_view text, const std::string& what,
                                  const std::function<void(const std::string&)>& refuse) {
  std::string cause;
  try {
    Guard guard(what, refuse);
    json::sax_parse(text, &guard);
    return json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    cause = e.what();
  }
  refuse(fmt::format("{} is not JSON ({})", what, shown(cause)));
  return {};
}

}  // namespace biplane
