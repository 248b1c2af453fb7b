#pragma once

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "biplane/core/error.h"

// Typed access to one line of JSON with errors that name key and value; of corpus/*.cpp only.
namespace biplane::json {

using simdjson::dom::element;

// An element as an error shows it: its beginning.
inline std::string shown(const element& value) {
  std::string text = simdjson::minify(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

[[noreturn]] inline void throw_value(const std::string& key, const std::string& value,
                                     const std::string& wanted) {
  throw Error(ErrorKind::kBadContent, "key " + key + " is " + value + "; it must be " + wanted);
}

// Where an object stands in the line, for errors: nowhere (the line itself), under a key, or in a
// list under a key. Put together only where an error is told: a manifest has a million lines.
struct Place {
  const char* key = "";
  std::int64_t index = -1;

  std::string text() const {
    return index < 0 ? std::string(key) : std::string(key) + "[" + std::to_string(index) + "]";
  }
};

// Typed access to the keys of one JSON object. null counts as absent.
class Fields {
 public:
  explicit Fields(const element& value, const Place& place = {}) : place_(place) {
    if (value.get(object_) != simdjson::SUCCESS) {
      const std::string text = place.text();
      throw_value(text.empty() ? "(line)" : text, shown(value), "an object");
    }
  }

  // Of a key of this object: "views[1].path".
  std::string name(const char* key) const {
    const std::string text = place_.text();
    return text.empty() ? key : text + "." + key;
  }

  bool find(const char* key, element& value) const {
    return object_.at_key(key).get(value) == simdjson::SUCCESS && !value.is_null();
  }

  // Empty where the key is absent; valid as long as the parser's document.
  std::string_view text(const char* key) const {
    element value;
    return find(key, value) ? as_text(key, value) : std::string_view();
  }

  // Leaves `target` as it is where the key is absent.
  void read(const char* key, std::string& target) const {
    element value;
    if (find(key, value)) target = as_text(key, value);
  }

  void read(const char* key, double& target) const {
    element value;
    if (find(key, value) && value.get(target) != simdjson::SUCCESS)
      throw_value(name(key), shown(value), "a number");
  }

  void read(const char* key, std::int64_t& target, std::int64_t low) const {
    element value;
    if (!find(key, value)) return;
    if (value.get(target) != simdjson::SUCCESS || target < low) {
      throw_value(name(key), shown(value), "a whole number of at least " + std::to_string(low));
    }
  }

  std::string required(const char* key) const {
    std::string text;
    read(key, text);
    if (text.empty())
      throw Error(ErrorKind::kBadContent, "key " + name(key) + " is missing or empty");
    return text;
  }

  // Calls use(element, i) for each element of a list; an absent list is empty.
  template <class Use>
  void each(const char* key, const Use& use) const {
    element value;
    if (!find(key, value)) return;
    simdjson::dom::array list;
    if (value.get(list) != simdjson::SUCCESS) throw_value(name(key), shown(value), "a list");
    std::int64_t i = 0;
    for (const element item : list) use(item, i++);
  }

  // Calls use(name, element) for each entry of an object; an absent object is empty.
  template <class Use>
  void each_entry(const char* key, const Use& use) const {
    element value;
    if (!find(key, value)) return;
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) throw_value(name(key), shown(value), "an object");
    for (const auto [name, item] : object) use(name, item);
  }

 private:
  std::string_view as_text(const char* key, const element& value) const {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) throw_value(name(key), shown(value), "text");
    return text;
  }

  simdjson::dom::object object_;
  Place place_;
};

}  // namespace biplane::json
