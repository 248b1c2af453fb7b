#include "biplane/formats/pickle.h"

#include <gmock/gmock.h>

#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/pickle_globals.h"
#include "tests/formats/torch_builder.h"

namespace biplane {
namespace {

using namespace testing;
using Kind = PickleValue::Kind;
using ::testing::HasSubstr;

// A value as Python would print it; objects as MAKER(arguments)state.
std::string printed(const PickleTree& tree, PickleId id) {
  const PickleValue& value = tree[id];
  std::string inner;
  if (value.kind != Kind::kObject)
    for (const PickleId item : value.items)
      inner += (inner.empty() ? "" : ", ") + printed(tree, item);
  const std::string state = value.state == 0 ? "" : printed(tree, value.state);
  switch (value.kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return value.integer != 0 ? "True" : "False";
    case Kind::kInt:
      return std::to_string(value.integer);
    case Kind::kFloat:
      return std::to_string(value.real);
    case Kind::kBigInt:
      return "big" + std::to_string(value.text.size());
    case Kind::kString:
      return "'" + value.text + "'";
    case Kind::kBytes:
      return "b'" + value.text + "'";
    case Kind::kTuple:
      return "(" + inner + ")";
    case Kind::kList:
      return "[" + inner + "]";
    case Kind::kDict:
      return "{" + inner + "}" + state;
    case Kind::kGlobal:
      return value.text;
    case Kind::kPersistent:
      return "@" + inner;
    case Kind::kObject:
      return tree.maker(value) + printed(tree, value.items[1]) + state;
  }
  return "?";
}

std::string read(const std::string& content) {
  const PickleTree tree = read_pickle(content, "data.pkl");
  EXPECT_EQ(tree.bytes, content.size());
  return printed(tree, tree.root);
}

// The inside of a Python bytes literal.
std::string python(const std::string& literal) {
  std::string bytes;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] != '\\') {
      bytes += literal[i];
    } else if (literal[++i] == 'x') {
      bytes += static_cast<char>(std::stoi(literal.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      bytes += literal[i] == 'n' ? '\n' : literal[i] == 't' ? '\t' : '\r';
    }
  }
  return bytes;
}

std::string refusal(const std::string& content) {
  try {
    read_pickle(content, "weights.pt: data.pkl");
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::kBadContent);
    const std::string message = e.what();
    EXPECT_TRUE(message.starts_with("weights.pt: data.pkl: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message;
  }
  return {};
}

// Literals are what pickle.dumps of Python 3.11 gives for the value in the expectation.
TEST(Pickle, ReadsWhatPythonWritesInEveryProtocol) {
  const std::string plain =
      "(None, True, -1, 255, 65535, 2147483647, 1099511627776, big9, 1.500000, '\u00e9', [1], "
      "{'a', 2}";
  EXPECT_EQ(read(python(R"((NI01\nI-1\nI255\nI65535\nI2147483647\nL1099511627776L\nI7\nF1.5\n)"
                        R"(V\xe9\np0\n(lp1\nI1\na(dp2\nVa\np3\nI2\nstp4\n.)")),
            "(None, True, -1, 255, 65535, 2147483647, 1099511627776, 7, 1.500000, '\u00e9', [1], "
            "{'a', 2})");
  EXPECT_EQ(read(python(R"((NI01\nJ\xff\xff\xff\xffK\xffM\xff\xffJ\xff\xff\xff\x7f)"
                        R"(L1099511627776L\nK\x07G?\xf8\x00\x00\x00\x00\x00\x00X\x02\x00\x00\x00)"
                        R"(\xc3\xa9q\x00]q\x01K\x01a}q\x02X\x01\x00\x00\x00aq\x03K\x02stq\x04.)")),
            "(None, True, -1, 255, 65535, 2147483647, 1099511627776, 7, 1.500000, '\u00e9', [1], "
            "{'a', 2})");
  const std::string numbers =
      R"((N\x88J\xff\xff\xff\xffK\xffM\xff\xffJ\xff\xff\xff\x7f\x8a\x06\x00\x00\x00\x00\x00\x01)"
      R"(\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00\xc0G?\xf8\x00\x00\x00\x00\x00\x00)";
  EXPECT_EQ(read(python(R"(\x80\x02)" + numbers +
                        R"(X\x02\x00\x00\x00\xc3\xa9q\x00]q\x01K\x01a}q\x02X\x01\x00\x00\x00aq)"
                        R"(\x03K\x02stq\x04.)")),
            plain + ")");
  EXPECT_EQ(read(python(R"(\x80\x03)" + numbers +
                        R"(X\x02\x00\x00\x00\xc3\xa9q\x00]q\x01K\x01a}q\x02X\x01\x00\x00\x00aq)"
                        R"(\x03K\x02sC\x01xq\x04tq\x05.)")),
            plain + ", b'x')");
  for (const char* head : {R"(\x80\x04)", R"(\x80\x05)"}) {
    EXPECT_EQ(read(python(head + (R"(\x95S\x00\x00\x00\x00\x00\x00\x00)" + numbers) +
                          R"(\x8c\x02\xc3\xa9\x94]\x94K\x01a}\x94\x8c\x01a\x94K\x02sC\x01x\x94)"
                          R"(\x8f\x94(K\x03\x90(K\x04\x91\x94t\x94.)")),
              plain + ", b'x', [3], (4))");
  }
}

// (Namespace(a=1), OrderedDict(k=1), defaultdict(dict, {1: 2}), {5})
TEST(Pickle, DescribesTheObjectsOfItsListInEveryProtocol) {
  const std::string rest = "{'k', 1}, {1, 2}, [5])";
  const std::string old =
      "(copy_reg._reconstructor(argparse.Namespace, __builtin__.object, None){'a', 1}, " + rest;
  EXPECT_EQ(
      read(python(R"((ccopy_reg\n_reconstructor\np0\n(cargparse\nNamespace\np1\nc__builtin__\n)"
                  R"(object\np2\nNtp3\nRp4\n(dp5\nVa\np6\nI1\nsbccollections\nOrderedDict\np7\n)"
                  R"((tRp8\nVk\np9\nI1\nsccollections\ndefaultdict\np10\n(c__builtin__\ndict\n)"
                  R"(p11\ntp12\nRp13\nI1\nI2\nsc__builtin__\nset\np14\n((lp15\nI5\natp16\nRp17\n)"
                  R"(tp18\n.)")),
      old);
  const std::string now = "(argparse.Namespace(){'a', 1}, " + rest;
  EXPECT_EQ(
      read(python(R"(\x80\x02(cargparse\nNamespace\nq\x00)\x81q\x01}q\x02X\x01\x00\x00\x00aq\x03)"
                  R"(K\x01sbccollections\nOrderedDict\nq\x04)Rq\x05X\x01\x00\x00\x00kq\x06K\x01s)"
                  R"(ccollections\ndefaultdict\nq\x07c__builtin__\ndict\nq\x08\x85q\tRq\nK\x01)"
                  R"(K\x02sc__builtin__\nset\nq\x0b]q\x0cK\x05a\x85q\rRq\x0etq\x0f.)")),
      now);
  EXPECT_EQ(
      read(python(R"(\x80\x04\x95\x87\x00\x00\x00\x00\x00\x00\x00(\x8c\x08argparse\x94\x8c\t)"
                  R"(Namespace\x94\x93\x94)\x81\x94}\x94\x8c\x01a\x94K\x01sb\x8c\x0bcollections)"
                  R"(\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94\x8c\x01k\x94K\x01sh\x06\x8c\x0b)"
                  R"(defaultdict\x94\x93\x94\x8c\x08builtins\x94\x8c\x04dict\x94\x93\x94\x85\x94R)"
                  R"(\x94K\x01K\x02s\x8f\x94(K\x05\x90t\x94.)")),
      now);
}

TEST(Pickle, ReadsWhatIsRare) {
  EXPECT_EQ(read("S'a\\'\\x41\\n\\\\'\n."), "'a'A\n\\'");
  EXPECT_EQ(read("V\\u00e9\\U0001f600\n."), "'\u00e9\U0001F600'");
  EXPECT_EQ(read("(iargparse\nNamespace\n."), "argparse.Namespace()");
  EXPECT_EQ(read("(cargparse\nNamespace\nK\x05o."), "argparse.Namespace(5)");
  EXPECT_EQ(read("Pkey\n."), "@'key'");
  EXPECT_EQ(read("]2\x86."), "([], [])");
  EXPECT_EQ(read("(K\x01K\x02"
                 "1N."),
            "None");
  EXPECT_EQ(read(p_whole(p_call(p_global("collections", "OrderedDict"),
                                p_tuple({"](" + p_tuple({p_text("k"), p_int(3)}) + "e"})))),
            "{'k', 3}");
  // The attribute _metadata that state dicts carry.
  EXPECT_EQ(read(p_whole(p_call(p_global("collections", "OrderedDict"), ")") +
                         p_dict({p_text("_metadata"), "}"}) + "b")),
            "{}{'_metadata', {}}");
}

TEST(Pickle, SharedAndSelfContainingValuesAreTheSamePlace) {
  // x = [x, y, y] with y = []
  const std::string content(
      "\x80\x02]q\0(h\0]q\x01h\x01"
      "e.",
      15);
  const PickleTree tree = read_pickle(content, "data.pkl");
  ASSERT_EQ(tree.top().items.size(), 3U);
  EXPECT_EQ(tree.top().items[0], tree.root);
  EXPECT_EQ(tree.top().items[1], tree.top().items[2]);
}

TEST(Pickle, GlobalsOutsideOfTheListAreRefusedByName) {
  const std::pair<const char*, const char*> refused[] = {{"posix", "system"},
                                                         {"os", "system"},
                                                         {"nt", "system"},
                                                         {"builtins", "eval"},
                                                         {"__builtin__", "exec"},
                                                         {"builtins", "getattr"},
                                                         {"subprocess", "Popen"},
                                                         {"torch.storage", "_load_from_bytes"},
                                                         {"torch", "load"},
                                                         {"torch.hub", "load"},
                                                         {"torch.nn", "Linear"},
                                                         {"torch.nn.modules.linear", "Linear"},
                                                         {"torch.FloatStorage", "from_file"},
                                                         {"numpy", "load"},
                                                         {"collections", "namedtuple"},
                                                         {"argparse", "Namespace.__init__"},
                                                         {"__torch__.x", "a\tb"},
                                                         {"functools", "partial"}};
  for (const auto& [module, name] : refused) {
    const std::string message = refusal(p_whole(p_global(module, name)));
    EXPECT_THAT(message, HasSubstr("asks for '")) << module << name;
    if (std::string_view(name) != "a\tb") {
      EXPECT_THAT(message, HasSubstr(std::string(module) + "." + name));
    }
    // Under every other spelling that a pickle has for it.
    EXPECT_THAT(refusal("\x80\x04" + p_text(module) + p_text(name) + "\x93."),
                HasSubstr("asks for '"));
    EXPECT_THAT(refusal("(i" + std::string(module) + "\n" + name + "\n."), HasSubstr("asks for '"));
    EXPECT_EQ(pickle_global(std::string(module) + "." + name), PickleGlobal::kRefused);
  }
}

TEST(Pickle, OnlyMakersOfTheListAreDescribedAsCalls) {
  EXPECT_THAT(refusal(p_whole(p_call(p_global("torch", "FloatStorage"), ")"))),
              HasSubstr("'torch.FloatStorage', which is a name only"));
  const std::string size = p_call(p_global("torch", "Size"), ")");
  EXPECT_EQ(read(p_whole(size)), "torch.Size()");
  EXPECT_THAT(refusal(p_whole(p_call(size, ")"))), HasSubstr("not a function"));  // f()()
  EXPECT_THAT(refusal(p_whole(p_call(p_text("torch.Size"), ")"))), HasSubstr("not a function"));
  EXPECT_THAT(refusal(p_whole(p_call(p_global("torch", "Size"), "]"))),
              HasSubstr("not a function"));
  EXPECT_THAT(refusal(p_whole(p_global("torch", "Size") + "}b")), HasSubstr("not an object"));
}

TEST(Pickle, BrokenStreamsAreRefused) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "1 bytes are announced"},
      {"N", "1 bytes are announced"},
      {".", "more values than there are"},
      {"NN.", "left over"},
      {"(N.", "left over"},
      {"(.", "more values than there are"},
      {"t.", "needs a mark"},
      {"K\x01(0.", "more values than there are"},
      {"NN(0.", "more values than there are"},
      {"\x80\x06N.", "protocol 6"},
      {"\x82\x01.", "operation 0x82"},
      {"\x92.", "operation 0x92"},
      {"\x97.", "operation 0x97"},
      {"\xFF.", "operation 0xff"},
      {"h\x05.", "no place 5"},
      {"}(Nu.", "key without a value"},
      {"]NNs.", "not their container"},
      {"NNa.", "not their container"},
      {"I12x\n.", "'12x' is not a whole number"},
      {"I99999999999999999999\n.", "not a whole number of 64 bits"},
      {"F1.5y\n.", "is not a number"},
      {"Sabc\n.", "not a quoted text"},
      {"S'a\\q'\n.", "unknown escape"},
      {"S'a\\xZZ'\n.", "not hexadecimal"},
      {"V\\u12\n.", "not Unicode"},
      {"V\\UFFFFFFFF\n.", "not Unicode"},
      {"Vabc", "a line without its end"},
      {"NN\x93.", "name of a global is not a text"},
      {"(o.", "without its class"},
      {std::string("\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7FN.", 11), "a frame of"},
      {std::string("\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx.", 11), "18446744073709551615 bytes"},
      {std::string("\x8B\xFF\xFF\xFF\xFFx.", 7), "4294967295 bytes"},
      {std::string("X\xFF\xFF\xFF\x7F.", 6), "2147483647 bytes"},
      {"c" + std::string(300, 'm') + "\nx\n.", "long name"},
  };
  for (const auto& [content, expected] : cases)
    EXPECT_THAT(refusal(content), HasSubstr(expected)) << content.substr(0, 40);
}

TEST(Pickle, WorkIsBounded) {
  EXPECT_THAT(refusal(std::string(kMaxPickleOpcodes + 10, 'N')), HasSubstr("operations"));
  // A list that is long once must not be copied again and again.
  std::string bomb = "](" + std::string(100'000, 'N') + "eq";
  bomb += '\0';
  bomb += p_global("collections", "Counter") + "q\x01";
  for (int i = 0; i < 200; ++i) bomb += std::string("h\x01h\0\x85R", 6);
  EXPECT_THAT(refusal(bomb + "."), HasSubstr("not pairs"));
  std::string pairs = "](" + p_tuple({p_int(1), p_int(2)}) + std::string(99'999, '2') + "eq";
  pairs += '\0';
  pairs += p_global("collections", "Counter") + "q\x01";
  for (int i = 0; i < 200; ++i) pairs += std::string("h\x01h\0\x85R", 6);
  EXPECT_THAT(refusal(pairs + "."), HasSubstr("operations"));
}

}  // namespace
}  // namespace biplane
