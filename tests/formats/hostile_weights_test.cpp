// Weight files that were made to harm: each must be refused with one line that names the file and
// the cause, soon and in little memory. (Headers of safetensors files: safetensors_test.cpp.)
#include <gmock/gmock.h>

#include <fstream>
#include <functional>

#include "biplane/core/error.h"
#include "biplane/formats/safetensors.h"
#include "biplane/formats/weight_file.h"
#include "tests/formats/hostile_files.h"
#include "tests/formats/torch_builder.h"
#include "tests/test_data.h"

namespace biplane {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr std::int64_t kHuge = INT64_MAX;  // 2^63 - 1
const std::string kFour = floats({1, 2, 3, 4});

std::string with_tensor(const std::string& tensor) {
  return torch_zip(p_whole(p_dict({p_text("w"), tensor})), {{"0", kFour}});
}
std::string with_view(std::int64_t offset, const std::vector<std::int64_t>& shape,
                      const std::vector<std::int64_t>& strides) {
  return with_tensor(p_tensor(p_storage("0", 4), offset, shape, strides));
}
const std::string kGood = p_tensor(p_storage("0", 4), 0, {4}, {1});

// "Calls" a global with a text, as exploits do.
std::string call(const std::string& module, const std::string& name, const std::string& argument) {
  return p_call(p_global(module, name), p_tuple({p_text(argument)}));
}

TEST(HostileWeights, PicklesThatAskForMoreThanWeightsNeedAreRefusedByName) {
  const auto value = [](const std::string& body) { return torch_zip(p_whole(body), {}); };
  const std::string system = call("posix", "system", "touch /tmp/harm");
  std::vector<ZipRecord> script =
      torch_records(p_whole(p_dict({p_text("w"), kGood})), {{"0", kFour}});
  script[0].content = p_whole(p_global("__torch__", "M") + ")\x81" + system + "b");
  script.push_back({"archive/constants.pkl", p_whole(")")});
  expect_refused({
      {"os.system", value(system), "'posix.system'"},
      {"eval", value(call("builtins", "eval", "1")), "'builtins.eval'"},
      {"exec of Python 2", value(call("__builtin__", "exec", "1")), "'__builtin__.exec'"},
      {"import", value(call("importlib", "import_module", "os")), "'importlib.import_module'"},
      {"subprocess", value(call("subprocess", "Popen", "sh")), "'subprocess.Popen'"},
      {"getattr", value(call("builtins", "getattr", "x")), "'builtins.getattr'"},
      {"torch.load", value(call("torch.serialization", "load", "x")), "'torch.serialization.load'"},
      {"a nested pickle", value(call("torch.storage", "_load_from_bytes", "x")),
       "'torch.storage._load_from_bytes'"},
      {"as key of a dict", value(p_dict({system, "N"})), "'posix.system'"},
      {"as a tensor's hooks",
       with_tensor(p_call(p_global("torch._utils", "_rebuild_tensor_v2"),
                          p_tuple({p_storage("0", 4), p_int(0), p_ints({4}), p_ints({1}), "\x89",
                                   call("os", "system", "x")}))),
       "'os.system'"},
      {"the result of a call is called", value(p_call(p_call(p_global("torch", "Size"), ")"), ")")),
       "not a function"},
      {"a state set on a global", value(p_global("torch", "Size") + "}b"), "not an object"},
      {"the old spelling of an object", value("(iposix\nsystem\n"), "'posix.system'"},
      {"the new spelling of a global", value(p_text("posix") + p_text("system") + "\x93"),
       "'posix.system'"},
      {"an extension code", value("\x82\x01"), "0x82"},
      {"a line end in a name", value(p_text("a\nb") + p_text("c\x1B[31m") + "\x93"),
       "'a?b.c?[31m'"},
      {"in the state of a TorchScript module", make_zip(script), "'posix.system'"},
      {"in the legacy format", torch_legacy(p_whole(system), {}), "'posix.system'"},
      {"a whole model", value(p_global("torch.nn.modules.linear", "Linear") + ")\x81"),
       "'torch.nn.modules.linear.Linear'"},
      {"a bare pickle", p_whole(system), "a plain pickle"},
  });
}

TEST(HostileWeights, TensorsThatLeaveTheirStorageAreRefused) {
  const auto bad_storage = [](const std::string& storage) {
    return with_tensor(p_tensor(storage, 0, {4}, {1}));
  };
  expect_refused({
      {"storage too small", with_view(0, {5}, {1}), "'w': it reaches beyond its storage"},
      {"offset beyond", with_view(1, {4}, {1}), "reaches beyond"},
      {"offset of 2^63", with_view(kHuge, {1}, {1}), "reaches beyond"},
      {"empty with an offset beyond", with_view(5, {0}, {1}), "reaches beyond"},
      {"negative offset", with_view(-1, {4}, {1}), "offset is -1"},
      {"negative stride", with_view(3, {4}, {-1}), "stride"},
      {"negative side", with_view(0, {-4}, {1}), "shape"},
      {"stride of 2^63", with_view(0, {3}, {kHuge}), "reaches beyond"},
      {"reach of 2^64", with_view(0, {3, 3}, {kHuge, kHuge}), "reaches beyond"},
      {"reach of 2^64 exactly", with_view(0, {5}, {1LL << 62}), "reaches beyond"},
      {"reaches that add up to 2^64", with_view(0, {3, 3}, {1LL << 62, 1LL << 62}),
       "reaches beyond"},
      {"side of 2^63", with_view(0, {kHuge}, {0}), "overflows"},
      {"product of 2^64", with_view(0, {1LL << 32, 1LL << 32}, {0, 0}), "overflows"},
      {"expanded to 2^40 bytes", with_view(0, {1LL << 38}, {0}), "too many share the same"},
      {"more strides than sides", with_view(0, {4}, {1, 1}), "1 sides and 2 strides"},
      {"65 dimensions",
       with_view(0, std::vector<std::int64_t>(65, 1), std::vector<std::int64_t>(65, 1)),
       "65 dimensions"},
      {"a storage that is not there", bad_storage(p_storage("7", 4)), "'7' is not in the file"},
      {"a storage outside of data/", bad_storage(p_storage("../version", 4)), "not in the file"},
      {"a longer storage", bad_storage(p_storage("0", 5)), "has 16 bytes, it should have 20"},
      {"a storage of 2^63 elements", bad_storage(p_storage("0", kHuge)), "elements"},
      {"a storage of -1 elements", bad_storage(p_storage("0", -1)), "-1 elements"},
      {"another element type", bad_storage(p_storage("0", 4, "DoubleStorage")),
       "it should have 32"},
      {"an unknown element type", bad_storage(p_storage("0", 2, "ComplexFloatStorage")),
       "torch.ComplexFloatStorage is not supported"},
      {"no storage", with_tensor(p_tensor("N", 0, {4}, {1})), "has no storage"},
      {"a storage described by a text", with_tensor(p_tensor("P0\n", 0, {4}, {1})),
       "not described as torch does"},
      {"arguments left out", with_tensor(call("torch._utils", "_rebuild_tensor_v2", "x")),
       "not described as torch does"},
  });
}

TEST(HostileWeights, NamesThatCollideOrCannotBeWrittenAreRefused) {
  const auto dict = [](const std::string& pairs) {
    return torch_zip(p_whole("}(" + pairs + "u"), {{"0", kFour}});
  };
  std::string key(600, 'k');
  expect_refused({
      {"the same key twice", dict(p_text("w") + kGood + p_text("w") + kGood),
       "'w': the name occurs"},
      {"two ways to one name",
       dict(p_text("a.b") + kGood + p_text("a") + p_dict({p_text("b"), kGood})),
       "'a.b': the name occurs twice"},
      {"no name", torch_zip(p_whole(kGood), {{"0", kFour}}), "without a name"},
      {"a long name", dict(p_text(key) + kGood), "longer than 512"},
      {"a line end", dict(p_text("a\nb") + kGood), "'a?b': its name is not a text"},
      {"not UTF-8", dict(p_text("a\xC0\x80") + kGood), "not a text"},
  });
}

// One value that is used again and again unfolds to exponentially many.
std::string memo_bomb(int levels, const std::string& leaf) {
  std::string body = leaf + "q" + std::string(1, '\0');
  for (int i = 0; i < levels; ++i) {
    const std::string last = "h" + std::string(1, static_cast<char>(i));
    std::string next = "](";
    for (int k = 0; k < 10; ++k) next += last;
    body += "0" + next + "eq" + std::string(1, static_cast<char>(i + 1));
  }
  return body;
}

TEST(HostileWeights, BombsAreRefusedBeforeTheyUnfold) {
  const auto value = [](const std::string& body) {
    return torch_zip(p_whole(body), {{"0", kFour}});
  };
  const std::string zeros(std::size_t{100} << 20, '\0');
  std::vector<ZipRecord> bomb = torch_records(p_whole(p_dict({p_text("w"), kGood})), {});
  bomb.push_back(deflated("archive/data/0", zeros));
  std::vector<ZipRecord> small_bomb = torch_records(p_whole(p_dict({p_text("w"), kGood})), {});
  small_bomb.push_back(deflated("archive/data/0", zeros.substr(0, 15 << 20)));
  std::string deep, tuples;
  for (int i = 0; i < 100'000; ++i) deep += "](";
  deep += "N";
  for (int i = 0; i < 100'000; ++i) deep += "e";
  for (int i = 0; i < 1'000'000; ++i) tuples += "N\x85\x94";
  std::vector<ZipRecord> entries(100'001);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].name = std::to_string(i);
  std::vector<ZipRecord> shared = {{"archive/data.pkl", p_whole("N")}};
  for (int i = 0; i < 100; ++i) {
    shared.push_back({"archive/data/" + std::to_string(i), ""});
    shared.back().bytes = shared.back().packed = 3000;
  }
  shared.push_back({"archive/data/last", std::string(3000, 'x')});
  std::string zip64 = make_zip(entries, {0xFFFF, {}, {}});
  expect_refused({
      {"lists in lists, 10^30 of them", value(memo_bomb(30, "N")), "unfolds to too many"},
      {"10^20 tensors", value(memo_bomb(20, kGood)), "holds more than 100000 tensors"},
      {"100,000 levels", value(deep), "64 levels"},
      {"a list that contains itself", value(std::string("]q\0h\0a", 6)), "64 levels"},
      {"millions of operations", value(std::string(5'000'000, 'N')), "operations"},
      {"millions of tuples in the memo", value(tuples), "operations"},
      {"a long text announced", value(std::string("\x8D\0\0\0\0\0\0\0\x40", 9)), "announced"},
      {"100 MB from 100 KB", make_zip(bomb), "the limit is"},
      {"15 MB from 15 KB", make_zip(small_bomb), "a zip bomb?"},
      {"entries that share their bytes", make_zip(shared), "overlap"},
      {"more entries than the directory can count", zip64, "not a valid zip archive"},
  });
}

TEST(HostileWeights, ArchivesThatAreNotWhatTheySeemAreRefused) {
  const std::string pickle = p_whole(p_dict({p_text("w"), kGood}));
  const std::string good = torch_zip(pickle, {{"0", kFour}});
  const auto changed = [&](const std::function<void(std::vector<ZipRecord>&)>& change) {
    std::vector<ZipRecord> records = torch_records(pickle, {{"0", kFour}});
    change(records);
    return make_zip(records);
  };
  expect_refused({
      {"wrong CRC of a storage", changed([](auto& r) { r[2].crc = 1; }), "data/0': CRC error"},
      {"wrong CRC of the pickle", changed([](auto& r) { r[0].crc = 1; }), "data.pkl': CRC error"},
      {"encrypted", changed([](auto& r) { r[2].flags = 1; }), "encrypted"},
      {"big-endian", changed([](auto& r) { r[1].content = "big"; }), "byte order"},
      {"no value", changed([](auto& r) { r.erase(r.begin()); }), "data.pkl'"},
      {"two values", changed([&](auto& r) {
         r.push_back({"other/data.pkl", pickle});
       }),
       "two values"},
      {"one entry twice", changed([](auto& r) { r.push_back(r[2]); }), "twice"},
      {"no storage", changed([](auto& r) { r.erase(r.begin() + 2); }), "'0' is not in the file"},
      {"bytes after the pickle", changed([](auto& r) { r[0].content += "x"; }), "1 bytes after"},
      {"an unknown compression", changed([](auto& r) { r[2].method = 12; }), "method 12"},
      {"the header of another entry", changed([](auto& r) { r[2].offset = 0; }), "inconsistent"},
      {"a header outside of the file", changed([](auto& r) { r[2].offset = 0xFFFFFF00; }),
       "not a valid zip archive"},
      {"a long name", changed([](auto& r) {
         r.push_back({std::string(600, 'n'), ""});
       }),
       "600 bytes"},
      {"cut", good.substr(0, good.size() / 2), "not a valid zip archive"},
      {"its first four bytes", good.substr(0, 4), "not a valid zip archive"},
      {"an empty file", "", "is empty"},
      {"a pointer of Git LFS", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"},
      {"a web page", "<!DOCTYPE html>", "not weights"},
  });
}

TEST(HostileWeights, LegacyFilesThatAreNotWholeAreRefused) {
  const std::string pickle = p_whole(p_dict({p_text("w"), kGood}));
  const std::string good = torch_legacy(pickle, {{"0", 4, kFour}});
  std::string big = good;
  big.replace(big.find("\x88u"), 1, "\x89");
  std::string protocol = good;
  protocol.replace(protocol.find(little(std::int64_t{1001})), 1, "\x01");
  expect_refused({
      {"cut in a storage", good.substr(0, good.size() - 1), "truncated"},
      {"cut in the pickles", good.substr(0, 40), "announced"},
      {"more behind", good + "x", "1 bytes after"},
      {"another length", torch_legacy(pickle, {{"0", 3, kFour}}), "has 3 elements"},
      {"length of 2^63", torch_legacy(pickle, {{"0", kHuge, kFour}}), "elements"},
      {"listed twice", torch_legacy(pickle, {{"0", 4, kFour}, {"0", 4, kFour}}), "listed twice"},
      {"not described", torch_legacy(pickle, {{"0", 4, kFour}, {"1", 4, kFour}}), "not used"},
      {"not there", torch_legacy(pickle, {}), "'0' is not in the file"},
      {"big-endian", big, "little-endian"},
      {"another protocol", protocol, "protocol"},
  });
}

TEST(HostileWeights, IndexesThatLeaveTheirFolderOrLieAreRefused) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "in");
  const auto write = [&](const std::string& file, const std::string& name) {
    const std::string content = "xyz";
    write_safetensors(folder / file, {{name, "U8", {3}, std::as_bytes(std::span(content))}});
  };
  write("outside.safetensors", "a");
  write("in/1.safetensors", "a");
  write("in/2.safetensors", "a");
  const std::pair<const char*, const char*> cases[] = {
      {R"({"weight_map": {"a": "../outside.safetensors"}})", "not the name of a file"},
      {R"({"weight_map": {"a": "/etc/passwd"}})", "not the name of a file"},
      {R"({"weight_map": {"a": "..\\outside.safetensors"}})", "not the name of a file"},
      {R"({"weight_map": {"a": ".."}})", "not the name of a file"},
      {R"({"weight_map": {"a": ""}})", "not the name of a file"},
      {R"({"weight_map": {"a": "1.safetensors\u0000x"}})", "not the name of a file"},
      {R"({"weight_map": {"a": "1\n2"}})", "not the name of a file"},
      {R"({"weight_map": {"a": 7}})", "not the name of a file"},
      {R"({"weight_map": {"a": "1.safetensors", "b": "1.safetensors"}})", "'b' is not in"},
      {R"({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})", "'a' is also in"},
      {R"({"weight_map": {"a": "1.safetensors", "a": "1.safetensors"}})", "occurs twice"},
      {R"({"weight_map": {"a": "index.json"}})", "not weights"},  // itself
      {R"({"weight_map": {"a": ["1.safetensors"]}})", "not the name of a file"},
      {R"({"weight_map": ["a"]})", "no weight_map"},
      {R"({"metadata": {}})", "no weight_map"},
      {R"({"weight_map": {"a": "1.safetensors")", "not JSON"},
      {R"({"x":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]], "weight_map": {}})", "nested too deeply"},
  };
  for (const auto& [content, expected] : cases) {
    std::ofstream(folder / "in/index.json", std::ios::binary) << content;
    try {
      WeightFile::open(folder / "in/index.json");
      ADD_FAILURE() << "accepted: " << content;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::kBadContent) << content;
      EXPECT_THAT(e.what(), HasSubstr(expected)) << content;
      EXPECT_THAT(e.what(), HasSubstr((folder / "in").string())) << content;
      EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << content;
    }
  }
}

}  // namespace
}  // namespace biplane
