// XML documents to elements, within their limits.
//
// Guards: biplane/formats/xml.cpp
#include <algorithm>

#include "biplane/core/error.h"
#include "biplane/formats/xml.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {
namespace {

constexpr XmlLimits kLimits{.bytes = 1 << 14, .depth = 8, .elements = 200};

int depth_of(const XmlElement& element) {
  int deepest = 0;
  for (const XmlElement& child : element.children) deepest = std::max(deepest, depth_of(child));
  return deepest + 1;
}

}  // namespace

std::vector<std::string> seeds() {
  return {
      "<?xml version=\"1.0\"?><eCitation><uId id=\"CXR1\"/><AbstractText Label=\"FINDINGS\">Clear "
      "&amp; &#233; <![CDATA[<x>]]></AbstractText><parentImage id='a'><url>u</url></parentImage>"
      "</eCitation><!-- end -->",
      "<!DOCTYPE a [<!ENTITY e \"eeee\">]><a>&e;&e;</a>",
      "<a><a><a><a><a><a><a><a><a/>", "<a>" + [] {
        std::string many;
        for (int i = 0; i < 300; ++i) many += "<b/>";
        return many;
      }() + "</a>"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  try {
    const XmlElement root =
        parse_xml({reinterpret_cast<const char*>(data), size}, "input", kLimits);
    if (depth_of(root) > kLimits.depth) __builtin_trap();
    std::size_t labels = 0, elements = 0;
    root.each("AbstractText", [&](const XmlElement& text) {
      ++elements;
      labels += text.attribute("Label").size();
    });
    if (elements > kLimits.elements || labels > size) __builtin_trap();
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
