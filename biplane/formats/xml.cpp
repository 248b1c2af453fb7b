#include "biplane/formats/xml.h"

#include <fmt/format.h>

#include <pugixml.hpp>

#include "biplane/core/error.h"

namespace biplane {
namespace {

[[noreturn]] void refuse(const std::string& source, const std::string& why) {
  throw Error(ErrorKind::kBadContent, source + ": " + why);
}

// pugixml's tree as elements, within the limits.
class Converter {
 public:
  Converter(const std::string& source, const XmlLimits& limits)
      : source_(source), limits_(limits) {}

  XmlElement element(const pugi::xml_node& node, int depth = 1) {
    if (depth > limits_.depth)
      refuse(source_, fmt::format("elements within elements, more than {} deep", limits_.depth));
    if (++count_ > limits_.elements)
      refuse(source_, fmt::format("more than {} elements", limits_.elements));
    XmlElement out;
    out.name = node.name();
    for (const pugi::xml_attribute& attribute : node.attributes())
      out.attributes.emplace_back(attribute.name(), attribute.value());
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() == pugi::node_element) {
        out.children.push_back(element(child, depth + 1));
      } else if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
        out.text += child.value();
      }
    }
    return out;
  }

 private:
  const std::string& source_;
  const XmlLimits& limits_;
  std::size_t count_ = 0;
};

}  // namespace

std::string XmlElement::attribute(std::string_view wanted) const {
  for (const auto& [key, value] : attributes)
    if (key == wanted) return value;
  return {};
}

void XmlElement::each(std::string_view wanted,
                      const std::function<void(const XmlElement&)>& use) const {
  for (const XmlElement& child : children) {
    if (child.name == wanted) use(child);
    child.each(wanted, use);
  }
}

XmlElement parse_xml(std::string_view content, const std::string& source, const XmlLimits& limits) {
  if (content.size() > limits.bytes)
    refuse(source, fmt::format("{} bytes of XML are more than the limit of {}", content.size(),
                               limits.bytes));
  if (content.find('\0') != std::string_view::npos)
    refuse(source, "a NUL byte (XML in UTF-8 is wanted, not in UTF-16)");
  pugi::xml_document document;
  const pugi::xml_parse_result result = document.load_buffer(
      content.data(), content.size(), pugi::parse_default | pugi::parse_doctype);
  if (!result)
    refuse(source, fmt::format("not well-formed XML ({}, at byte {})", result.description(),
                               result.offset));
  for (const pugi::xml_node& node : document.children())
    if (node.type() == pugi::node_doctype)
      refuse(source, "a DOCTYPE: documents that may declare entities are not read");
  return Converter(source, limits).element(document.document_element());
}

}  // namespace biplane
