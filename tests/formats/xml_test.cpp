#include "biplane/formats/xml.h"

#include <gmock/gmock.h>

#include "biplane/core/error.h"
#include "biplane/core/random.h"

namespace biplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string refusal(const std::string& content, const XmlLimits& limits = {}) {
  try {
    parse_xml(content, "a.xml", limits);
    return "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadContent);
    EXPECT_THAT(error.what(), HasSubstr("a.xml: "));
    return error.what();
  }
}

TEST(Xml, GivesNamesTextAttributesAndOrder) {
  const XmlElement root = parse_xml(
      "<?xml version=\"1.0\"?><!-- note --><a x='1 &lt; 2'>one<b n=\"1\"/><c><b n=\"2\">in &amp; "
      "out</b></c><![CDATA[ <two>]]></a>",
      "a.xml");
  EXPECT_EQ(root.name, "a");
  EXPECT_EQ(root.attribute("x"), "1 < 2");
  EXPECT_EQ(root.attribute("y"), "");
  EXPECT_EQ(root.text, "one <two>");
  std::vector<std::string> found;
  root.each("b", [&](const XmlElement& b) { found.push_back(b.attribute("n") + b.text); });
  EXPECT_THAT(found, ElementsAre("1", "2in & out"));
}

TEST(Xml, ReadsTheEncodingThatItDeclares) {
  EXPECT_EQ(
      parse_xml("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>na\xEFve</a>", "a.xml").text,
      "na\u00EFve");
  EXPECT_EQ(parse_xml("\xEF\xBB\xBF<a>na\u00EFve</a>", "a.xml").text, "na\u00EFve");
}

TEST(Xml, EntitiesAreNotExpandedAndTheirDeclarationsAreRefused) {
  EXPECT_EQ(parse_xml("<a>&lol;</a>", "a.xml").text, "&lol;");
  const std::string laughs =
      "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol1 "
      "\"&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;\">]><lolz>&lol1;</lolz>";
  EXPECT_THAT(refusal(laughs), HasSubstr("DOCTYPE"));
  EXPECT_THAT(refusal("<!DOCTYPE a SYSTEM \"file:///etc/hostname\"><a/>"), HasSubstr("DOCTYPE"));
}

TEST(Xml, DepthElementsAndBytesAreLimited) {
  std::string deep;
  for (int i = 0; i < 200'000; ++i) deep += "<a>";
  EXPECT_THAT(refusal(deep), HasSubstr("not well-formed"));
  for (int i = 0; i < 200'000; ++i) deep += "</a>";
  EXPECT_THAT(refusal(deep), HasSubstr("more than 64 deep"));
  std::string many = "<a>";
  for (int i = 0; i < 100'000; ++i) many += "<b/>";
  EXPECT_THAT(refusal(many + "</a>"), HasSubstr("more than 100000 elements"));
  EXPECT_THAT(refusal("<a>" + std::string(200, ' ') + "</a>", {.bytes = 100}),
              HasSubstr("207 bytes of XML are more than the limit of 100"));
}

TEST(Xml, WhatIsNoXmlIsRefused) {
  for (const char* content : {"", " ", "text", "<a>", "<a></b>", "<a", "<a x=1/>", "<?xml?>"})
    EXPECT_NE(refusal(content), "accepted") << content;
  EXPECT_THAT(refusal(std::string("<a>\0</a>", 8)), HasSubstr("NUL"));
}

TEST(Xml, AnyChangeOfAByteIsReadOrRefused) {
  const std::string whole =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?><a x=\"&#228;\"><b>t&gt;</b><![CDATA[c]]></a>";
  CounterRandom random(3, "xml");
  for (int round = 0; round < 3000; ++round) {
    std::string changed = whole;
    changed[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(whole.size())))] =
        static_cast<char>(random.below(256));
    if (random.bernoulli(0.2))
      changed.resize(
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(whole.size()))));
    refusal(changed);
  }
}

}  // namespace
}  // namespace biplane
