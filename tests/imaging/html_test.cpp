#include "biplane/imaging/html.h"

#include <gtest/gtest.h>

namespace biplane {
namespace {

TEST(Html, EscapesEverythingThatCouldBeMarkup) {
  EXPECT_EQ(html_escape("<b a=\"1\" c='2'> & x"),
            "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt; &amp; x");
  EXPECT_EQ(html_escape("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(html_escape("a\xFF"
                        "b\x01"),
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
  EXPECT_EQ(html_escape("\xC0\xBCscript"), "\xEF\xBF\xBD\xEF\xBF\xBDscript");  // an overlong '<'
}

TEST(Html, Base64IsThatOfTheStandard) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

}  // namespace
}  // namespace biplane
