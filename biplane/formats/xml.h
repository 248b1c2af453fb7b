#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace biplane {

struct XmlLimits {
  std::size_t bytes = std::size_t{4} << 20;
  int depth = 64;
  std::size_t elements = 100'000;
};

// An element of a document, with what is in it. UTF-8 throughout.
struct XmlElement {
  std::string name;
  std::string text;  // its own, not that of the elements in it; blanks are kept
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<XmlElement> children;

  // Empty where there is none of that name.
  std::string attribute(std::string_view name) const;
  // Calls use() for every element of that name below this one, in the order of the file.
  void each(std::string_view name, const std::function<void(const XmlElement&)>& use) const;
};

// The root element of a document. Entities other than XML's own five are left as they stand, and a
// document that declares some is refused. `source` stands for the file in errors. Throws Error
// kBadContent: not well formed (says where), a DOCTYPE, a NUL byte, beyond a limit.
XmlElement parse_xml(std::string_view content, const std::string& source,
                     const XmlLimits& limits = {});

}  // namespace biplane
