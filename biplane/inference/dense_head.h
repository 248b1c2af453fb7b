#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// What heads that tell of places in one view have in common: the first keys of their sections of
// task.json.
struct DenseHeadConfig {
  std::vector<std::string> names;    // findings
  std::string views = "frontal";     // frontal, lateral
  std::string head;                  // which of its kind
  std::vector<std::int64_t> layers;  // of the tower (ImageTower::maps)
  std::int64_t channels = 256;       // width of the head

  bool lateral() const { return views == "lateral"; }

  template <class V>
  void visit(V& v) {
    v.field("names", names);
    v.field("views", views);
    v.field("head", head);
    v.field("layers", layers);
    v.field("channels", channels);
  }
};

// Name of a part of which there are several: "stage" and 1 give "stage1".
template <std::integral Number>
std::string numbered(std::string_view name, Number number) {
  return std::string(name) + std::to_string(number);
}

}  // namespace biplane
