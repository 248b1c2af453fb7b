// Small files that would make a reader compute or remember without measure. (Each is opened and
// read in a process with little time and memory: guarded_child.h.)
#include <gtest/gtest.h>

#include "tests/formats/hostile_files.h"
#include "tests/formats/torch_builder.h"

namespace biplane {
namespace {

using namespace testing;
using namespace std::string_literals;

const std::string kGood = p_tensor(p_storage("0", 4), 0, {4}, {1});
const std::string kFour = floats({1, 2, 3, 4});

// A dict of tensors "0", "1" ...; `tensor` gives each one's value.
std::string dict_of(int count, const std::function<std::string(int)>& tensor) {
  std::string body = "}(";
  for (int i = 0; i < count; ++i) body += p_text(std::to_string(i)) + tensor(i);
  return body + "u";
}

TEST(HostileWork, AStorageWithALongNameIsRefusedBeforeItsNameIsCopied) {
  // The same text of 1 MB names the storage of every tensor.
  const std::string storage = p_tuple({p_text("storage"), p_global("torch", "FloatStorage"),
                                       p_text(std::string(1 << 20, 'k')), p_text("cpu"), p_int(4)});
  const std::string tensors = p_whole(
      storage + "Qq\0"s + "0"s + dict_of(2000, [](int) { return p_tensor("h\0"s, 0, {4}, {1}); }));
  std::string again = storage + "q\0"s;
  for (int i = 0; i < 50'000; ++i) again += "Q0h\0"s;
  expect_refused({
      {"zip", torch_zip(tensors, {{"0", kFour}}), "its storage has a name of 1048576 bytes"},
      {"legacy", torch_legacy(p_whole(again), {}), "its storage has a name of 1048576 bytes"},
  });
}

TEST(HostileWork, PlacesOfTheMemoThatNoPicklerWritesAreRefused) {
  const auto value = [](const std::string& body) { return torch_zip(p_whole(body), {}); };
  // Multiples of a prime number of buckets, all in one bucket of a hash table without a secret.
  std::string collide = "N";
  for (std::int64_t i = 1; i <= 84'000; ++i) collide += "p" + std::to_string(i * 85'229) + "\n";
  expect_refused({
      {"places that collide", value(collide), "place 2045496 of the memo"},
      {"a negative place", value("Np-1\n"), "of the memo"},
      {"the last place of 32 bits", value("Nr\xFF\xFF\xFF\xFF"), "place 4294967295 of the memo"},
      {"a place of 2^62", value("Np4611686018427387904\n"), "of the memo"},
      {"the first place too many", value("Nr" + little(2'000'000)), "place 2000000 of the memo"},
      {"a place that was left out", value("Nr" + little(1'999'999) + "j" + little(1'999'998)),
       "has no place 1999998"},
      {"a place beyond all", value("Nq\0h\1"s), "has no place 1"},
  });
}

// Names whose hashes (times 33, plus each byte) are all the same.
std::string colliding_name(int number) {
  std::string name;
  for (int bit = 0; bit < 17; ++bit) name += (number >> bit & 1) != 0 ? "Ez" : "FY";
  return name;
}

TEST(HostileWork, ZipDirectoriesAreCountedBeforeTheyAreRead) {
  std::vector<ZipRecord> colliding(45'000), wrapped(65'537);
  for (std::size_t i = 0; i < colliding.size(); ++i)
    colliding[i].name = colliding_name(static_cast<int>(i));
  for (std::size_t i = 0; i < wrapped.size(); ++i) wrapped[i].name = std::to_string(i);
  const std::string announced =
      "PK\x03\x04" + zip64_end(1 << 25, 0, 4) + make_zip({}, {0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF});
  std::vector<ZipRecord> sharing(1000);
  for (ZipRecord& record : sharing) record.offset = 0;
  sharing[0].name = std::string(60'000, 'n');
  const std::string pickle = p_whole(p_dict({p_text("w"), kGood}));
  const std::string good = torch_zip(pickle, {{"0", kFour}});
  std::string twice = good;
  twice.replace(twice.size() - 2, 2, little<std::uint16_t>(22));
  twice += good.substr(good.size() - 22);
  expect_refused({
      {"names that collide", make_zip(colliding), "45000 entries, the limit is 20000"},
      {"65,537 entries counted as 1", make_zip(wrapped, {1, {}, {}}),
       "does not end with its 1 entries"},
      {"2^25 entries announced", announced, "33554432 entries, the limit is 20000"},
      {"1,000 entries with one long header", make_zip(sharing), "headers of its entries overlap"},
      {"two ends", twice, "2 ends"},
  });
}

TEST(HostileWork, StoragesThatTakeTurnsAreReadOnce) {
  // 20,000 tensors of one element, in turn from two storages.
  const std::string half(std::size_t{1} << 20, '\0'), whole(std::size_t{4} << 20, '\0');
  const auto turns = [](std::int64_t elements) {
    return p_whole(dict_of(20'000, [&](int i) {
      return p_tensor(p_storage(std::to_string(i % 2), elements), i, {1}, {1});
    }));
  };
  std::vector<ZipRecord> packed = torch_records(turns(1 << 18), {});
  packed.push_back(deflated("archive/data/0", half));
  packed.push_back(deflated("archive/data/1", half));
  std::vector<ZipRecord> many = torch_records(p_whole(p_dict({p_text("w"), kGood})), {});
  for (int i = 0; i < 100; ++i) {
    many.push_back(packed.back());
    many.back().name = std::to_string(i);
  }
  expect_refused({
      {"deflated", make_zip(packed), ""},
      {"stored", torch_zip(turns(1 << 20), {{"0", whole}, {"1", whole}}), ""},
      {"100 times 1 MiB from 100 KB", make_zip(many), "would inflate to more than 67108864"},
  });
}

std::string safetensors(const std::string& header) {
  return little(static_cast<std::uint64_t>(header.size())) + header;
}

TEST(HostileWork, LimitsOfNamesHoldForEveryContainer) {
  const std::string empty = R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  std::string many = "{";
  for (int i = 0; i <= 100'000; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + empty;
  const auto zip = [](const std::string& name) {
    return torch_zip(p_whole(p_dict({p_text(name), kGood})), {{"0", kFour}});
  };
  const std::string longest(512, 'n');
  expect_refused({
      {"100,001 tensors", safetensors(many + "}"), "more than 100000 tensors"},
      {"a long name", safetensors("{\"" + longest + "n" + empty + "}"), "longer than 512 bytes"},
      {"a line end", safetensors(R"({"a\nb)" + empty + "}"), "'a?b': its name is not a text"},
      {"an escape", safetensors(R"({"a\u001b[2J)" + empty + "}"), "its name is not a text"},
      {"a rubout", safetensors("{\"a\x7F" + empty + "}"), "its name is not a text"},
      {"no name", safetensors("{\"" + empty + "}"), "without a name"},
      {"the longest name", safetensors("{\"" + longest + empty + "}"), ""},
      {"a long name in a zip", zip(longest + "n"), "longer than 512 bytes"},
      {"the longest name in a zip", zip(longest), ""},
  });
}

}  // namespace
}  // namespace biplane
