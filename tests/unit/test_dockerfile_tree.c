/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "dockerfile/dockerfile.h"
#include "dockerfile/err.h"
#include "unit.h"

/* What a text is printed as. But for "whole", a line "FROM a" is in front of it, and its lines
 * in front of the tree. */
struct tree {
	const char *text, *tree;
};

static const struct tree lines[] = {
	{ "USER a", "2:1 USER\n"
		    "  text \"a\"\n" },
	{ "  USER a", "2:3 USER\n"
		      "  text \"a\"\n" },
	{ "\tUSER a\t ", "2:2 USER\n"
			 "  text \"a\"\n" },
	{ "user a", "2:1 USER\n"
		    "  text \"a\"\n" },
	{ "UsEr a", "2:1 USER\n"
		    "  text \"a\"\n" },
	{ "USER\ta", "2:1 USER\n"
		     "  text \"a\"\n" },
	{ "USER a\r\n", "2:1 USER\n"
			"  text \"a\"\n" },
	{ "# c\n"
	  "USER a",
	  "3:1 USER\n"
	  "  text \"a\"\n" },
	{ "  # c\n"
	  "USER a",
	  "3:1 USER\n"
	  "  text \"a\"\n" },
	{ "\n"
	  "\n"
	  "  \n"
	  "USER a",
	  "5:1 USER\n"
	  "  text \"a\"\n" },
	{ "USER a # b", "2:1 USER\n"
			"  text \"a # b\"\n" },
	{ "USER a\\\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a \\\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"a b\"\n" },
	{ "USER a\\\n"
	  "  b",
	  "2:1 USER\n"
	  "  text \"a  b\"\n" },
	{ "USER a\\  \n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\t\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\r\n"
	  "b\r\n",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER \\\n"
	  "a",
	  "2:1 USER\n"
	  "  text \"a\"\n" },
	{ "USER\\\n"
	  " a",
	  "2:1 USER\n"
	  "  text \"a\"\n" },
	{ "US\\\n"
	  "ER a",
	  "2:1 USER\n"
	  "  text \"a\"\n" },
	{ "\\\n"
	  "USER a",
	  "3:1 USER\n"
	  "  text \"a\"\n" },
	{ "USER a \\\n", "2:1 USER\n"
			 "  text \"a\"\n" },
	{ "USER a \\", "2:1 USER\n"
		       "  text \"a\"\n" },
	{ "USER a\\\n"
	  "# c\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\n"
	  "  # c\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\n"
	  "\n"
	  "\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\n"
	  "  \\\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"a  b\"\n" },
	{ "USER a\\\n"
	  "# c\\\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER a\\\\\n"
	  "USER b",
	  "2:1 USER\n"
	  "  text \"a\\\\\\\\\"\n"
	  "3:1 USER\n"
	  "  text \"b\"\n" },
	{ "USER a \\ b", "2:1 USER\n"
			 "  text \"a \\\\ b\"\n" },
	{ "USER a\\\n"
	  "#b\n"
	  "#c\n"
	  "USER d",
	  "2:1 USER\n"
	  "  text \"aUSER d\"\n" },
	{ "USER a\\\n"
	  "\\\n"
	  "\\\n"
	  "b",
	  "2:1 USER\n"
	  "  text \"ab\"\n" },
	{ "USER #a", "2:1 USER\n"
		     "  text \"#a\"\n" },
	{ "USER a\\\n"
	  "USER b",
	  "2:1 USER\n"
	  "  text \"aUSER b\"\n" },
	{ "\\\n"
	  "\\\n",
	  "" },
	{ "USER \x01\x1b[31m\xe9", "2:1 USER\n"
				   "  text \"\\u{1}\\u{1b}[31m\\xe9\"\n" },
	{ "USER \xe2\x80\xae\xc3\xa9\xe2\x82\xac\"\\x",
	  "2:1 USER\n"
	  "  text \"\\u{202e}\xc3\xa9\xe2\x82\xac\\\"\\\\x\"\n" },
};

static const struct tree words[] = {
	{ "VOLUME a", "2:1 VOLUME\n"
		      "  item \"a\"\n" },
	{ "VOLUME a  b\tc", "2:1 VOLUME\n"
			    "  item \"a\"\n"
			    "  item \"b\"\n"
			    "  item \"c\"\n" },
	{ "VOLUME \"a b\"", "2:1 VOLUME\n"
			    "  item \"\\\"a b\\\"\"\n" },
	{ "VOLUME 'a b'", "2:1 VOLUME\n"
			  "  item \"'a b'\"\n" },
	{ "VOLUME a\\ b", "2:1 VOLUME\n"
			  "  item \"a\\\\ b\"\n" },
	{ "VOLUME \"a\\\" b\" c", "2:1 VOLUME\n"
				  "  item \"\\\"a\\\\\\\" b\\\"\"\n"
				  "  item \"c\"\n" },
	{ "VOLUME 'a\\' b", "2:1 VOLUME\n"
			    "  item \"'a\\\\'\"\n"
			    "  item \"b\"\n" },
	{ "VOLUME a\"b c\"d", "2:1 VOLUME\n"
			      "  item \"a\\\"b c\\\"d\"\n" },
	{ "VOLUME \"a", "2:1 VOLUME\n"
			"  item \"\\\"a\"\n" },
	{ "VOLUME a\\\n"
	  " b",
	  "2:1 VOLUME\n"
	  "  item \"a\"\n"
	  "  item \"b\"\n" },
	{ "VOLUME \"a \\\n"
	  " b\"",
	  "2:1 VOLUME\n"
	  "  item \"\\\"a  b\\\"\"\n" },
	{ "VOLUME \"\"", "2:1 VOLUME\n"
			 "  item \"\\\"\\\"\"\n" },
	{ "VOLUME a\\\\ b", "2:1 VOLUME\n"
			    "  item \"a\\\\\\\\\"\n"
			    "  item \"b\"\n" },
	{ "EXPOSE 80 53/udp 8000-8010", "2:1 EXPOSE\n"
					"  item \"80\"\n"
					"  item \"53/udp\"\n"
					"  item \"8000-8010\"\n" },
	{ "EXPOSE [\"80\"]", "2:1 EXPOSE\n"
			     "  item \"[\\\"80\\\"]\"\n" },
	{ "EXPOSE $P", "2:1 EXPOSE\n"
		       "  item \"$P\"\n" },
	{ "COPY a b", "2:1 COPY\n"
		      "  item \"a\"\n"
		      "  item \"b\"\n" },
	{ "COPY a b c/", "2:1 COPY\n"
			 "  item \"a\"\n"
			 "  item \"b\"\n"
			 "  item \"c/\"\n" },
	{ "COPY \"a b\" 'c d'", "2:1 COPY\n"
				"  item \"\\\"a b\\\"\"\n"
				"  item \"'c d'\"\n" },
	{ "ADD http://x/y /z", "2:1 ADD\n"
			       "  item \"http://x/y\"\n"
			       "  item \"/z\"\n" },
	{ "COPY a* b", "2:1 COPY\n"
		       "  item \"a*\"\n"
		       "  item \"b\"\n" },
	{ "COPY -- --a b", "2:1 COPY\n"
			   "  item \"--a\"\n"
			   "  item \"b\"\n" },
	{ "COPY -a b", "2:1 COPY\n"
		       "  item \"-a\"\n"
		       "  item \"b\"\n" },
};

static const struct tree json_forms[] = {
	{ "CMD [\"a\"]", "2:1 CMD\n"
			 "  json\n"
			 "  item \"a\"\n" },
	{ "CMD [\"a\", \"b\"]", "2:1 CMD\n"
				"  json\n"
				"  item \"a\"\n"
				"  item \"b\"\n" },
	{ "CMD [ \"a\" , \"b\" ]", "2:1 CMD\n"
				   "  json\n"
				   "  item \"a\"\n"
				   "  item \"b\"\n" },
	{ "CMD []", "2:1 CMD\n"
		    "  json\n" },
	{ "CMD [ ]", "2:1 CMD\n"
		     "  json\n" },
	{ "ENTRYPOINT []", "2:1 ENTRYPOINT\n"
			   "  json\n" },
	{ "CMD ['a']", "2:1 CMD\n"
		       "  text \"['a']\"\n" },
	{ "CMD [\"a\"", "2:1 CMD\n"
			"  text \"[\\\"a\\\"\"\n" },
	{ "CMD [\"a\"] b", "2:1 CMD\n"
			   "  text \"[\\\"a\\\"] b\"\n" },
	{ "CMD [\"a\",]", "2:1 CMD\n"
			  "  text \"[\\\"a\\\",]\"\n" },
	{ "CMD [,\"a\"]", "2:1 CMD\n"
			  "  text \"[,\\\"a\\\"]\"\n" },
	{ "CMD [a]", "2:1 CMD\n"
		     "  text \"[a]\"\n" },
	{ "CMD [\"a\" \"b\"]", "2:1 CMD\n"
			       "  text \"[\\\"a\\\" \\\"b\\\"]\"\n" },
	{ "CMD [\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
	  "2:1 CMD\n"
	  "  json\n"
	  "  item \"\\\"\\\\/\\u{8}\\u{c}\\n\\u{d}\\t\"\n" },
	{ "CMD [\"\\u0041\\u00e9\\u20AC\"]", "2:1 CMD\n"
					     "  json\n"
					     "  item \"A\xc3\xa9\xe2\x82\xac\"\n" },
	{ "CMD [\"\\ud83d\\udc27\"]", "2:1 CMD\n"
				      "  json\n"
				      "  item \"\xf0\x9f\x90\xa7\"\n" },
	{ "CMD [\"\\ud83d\", \"\\udc27x\"]", "2:1 CMD\n"
					     "  json\n"
					     "  item \"\xef\xbf\xbd\"\n"
					     "  item \"\xef\xbf\xbdx\"\n" },
	{ "CMD [\"\\u0000\"]", "2:1 CMD\n"
			       "  text \"[\\\"\\\\u0000\\\"]\"\n" },
	{ "CMD [\"\\x\"]", "2:1 CMD\n"
			   "  text \"[\\\"\\\\x\\\"]\"\n" },
	{ "CMD [\"a\tb\"]", "2:1 CMD\n"
			    "  text \"[\\\"a\\tb\\\"]\"\n" },
	{ "CMD [\"a\\\n"
	  "b\"]",
	  "2:1 CMD\n"
	  "  json\n"
	  "  item \"ab\"\n" },
	{ "CMD [\"a\", \\\n"
	  "  \"b\"]",
	  "2:1 CMD\n"
	  "  json\n"
	  "  item \"a\"\n"
	  "  item \"b\"\n" },
	{ "CMD [\"\"]", "2:1 CMD\n"
			"  json\n"
			"  item \"\"\n" },
	{ "RUN [\"a\", \"$x\"]", "2:1 RUN\n"
				 "  json\n"
				 "  item \"a\"\n"
				 "  item \"$x\"\n" },
	{ "RUN [ \"$x\" = \"y\" ] && echo", "2:1 RUN\n"
					    "  text \"[ \\\"$x\\\" = \\\"y\\\" ] && echo\"\n" },
	{ "RUN [[ a ]]", "2:1 RUN\n"
			 "  text \"[[ a ]]\"\n" },
	{ "SHELL [\"/bin/sh\", \"-c\"]", "2:1 SHELL\n"
					 "  json\n"
					 "  item \"/bin/sh\"\n"
					 "  item \"-c\"\n" },
	{ "VOLUME [\"/a\", \"/b c\"]", "2:1 VOLUME\n"
				       "  json\n"
				       "  item \"/a\"\n"
				       "  item \"/b c\"\n" },
	{ "VOLUME [/a]", "2:1 VOLUME\n"
			 "  item \"[/a]\"\n" },
	{ "COPY [\"a b\", \"c\"]", "2:1 COPY\n"
				   "  json\n"
				   "  item \"a b\"\n"
				   "  item \"c\"\n" },
	{ "COPY [\"a\", \"b\", \"c/\"]", "2:1 COPY\n"
					 "  json\n"
					 "  item \"a\"\n"
					 "  item \"b\"\n"
					 "  item \"c/\"\n" },
	{ "COPY [a] b", "2:1 COPY\n"
			"  item \"[a]\"\n"
			"  item \"b\"\n" },
	{ "ADD [\"a\", \"b\"]", "2:1 ADD\n"
				"  json\n"
				"  item \"a\"\n"
				"  item \"b\"\n" },
	{ "HEALTHCHECK CMD [\"a\"]", "2:1 HEALTHCHECK\n"
				     "  json\n"
				     "  item \"a\"\n" },
	{ "RUN [\"a\", 01]", "2:1 RUN\n"
			     "  text \"[\\\"a\\\", 01]\"\n" },
	{ "RUN [tru]", "2:1 RUN\n"
		       "  text \"[tru]\"\n" },
	{ "RUN [\"a\"]]", "2:1 RUN\n"
			  "  text \"[\\\"a\\\"]]\"\n" },
	{ "RUN --network=none [\"a\"]", "2:1 RUN\n"
					"  --network \"none\"\n"
					"  json\n"
					"  item \"a\"\n" },
	{ "RUN [\"<<E\"]", "2:1 RUN\n"
			   "  json\n"
			   "  item \"<<E\"\n" },
};

static const struct tree pairs[] = {
	{ "ENV a=b", "2:1 ENV\n"
		     "  set \"a\" \"b\"\n" },
	{ "ENV a=b c=d", "2:1 ENV\n"
			 "  set \"a\" \"b\"\n"
			 "  set \"c\" \"d\"\n" },
	{ "ENV a= b=", "2:1 ENV\n"
		       "  set \"a\" \"\"\n"
		       "  set \"b\" \"\"\n" },
	{ "ENV a=\"b c\"", "2:1 ENV\n"
			   "  set \"a\" \"\\\"b c\\\"\"\n" },
	{ "ENV a='b c' d=e", "2:1 ENV\n"
			     "  set \"a\" \"'b c'\"\n"
			     "  set \"d\" \"e\"\n" },
	{ "ENV a=b\\ c", "2:1 ENV\n"
			 "  set \"a\" \"b\\\\ c\"\n" },
	{ "ENV a=b=c", "2:1 ENV\n"
		       "  set \"a\" \"b=c\"\n" },
	{ "ENV a b", "2:1 ENV\n"
		     "  set \"a\" \"b\"\n" },
	{ "ENV a b c", "2:1 ENV\n"
		       "  set \"a\" \"b c\"\n" },
	{ "ENV a  b  c ", "2:1 ENV\n"
			  "  set \"a\" \"b  c\"\n" },
	{ "ENV a \"b=c\"", "2:1 ENV\n"
			   "  set \"a\" \"\\\"b=c\\\"\"\n" },
	{ "ENV a b=c", "2:1 ENV\n"
		       "  set \"a\" \"b=c\"\n" },
	{ "ENV $a=b", "2:1 ENV\n"
		      "  set \"$a\" \"b\"\n" },
	{ "ENV a=${b:-c}", "2:1 ENV\n"
			   "  set \"a\" \"${b:-c}\"\n" },
	{ "ENV a=b \\\n"
	  "  c=d",
	  "2:1 ENV\n"
	  "  set \"a\" \"b\"\n"
	  "  set \"c\" \"d\"\n" },
	{ "ENV a=b \\\n"
	  "  # c\n"
	  "  c=d",
	  "2:1 ENV\n"
	  "  set \"a\" \"b\"\n"
	  "  set \"c\" \"d\"\n" },
	{ "LABEL a=b", "2:1 LABEL\n"
		       "  set \"a\" \"b\"\n" },
	{ "LABEL \"a.b\"=\"c d\"", "2:1 LABEL\n"
				   "  set \"\\\"a.b\\\"\" \"\\\"c d\\\"\"\n" },
	{ "LABEL a b", "2:1 LABEL\n"
		       "  set \"a\" \"b\"\n" },
	{ "LABEL a=\"b\\\n"
	  " c\"",
	  "2:1 LABEL\n"
	  "  set \"a\" \"\\\"b c\\\"\"\n" },
	{ "LABEL a=\"b\" c=\"d\"", "2:1 LABEL\n"
				   "  set \"a\" \"\\\"b\\\"\"\n"
				   "  set \"c\" \"\\\"d\\\"\"\n" },
	{ "ARG a", "2:1 ARG\n"
		   "  set \"a\"\n" },
	{ "ARG a=b", "2:1 ARG\n"
		     "  set \"a\" \"b\"\n" },
	{ "ARG a b=c d", "2:1 ARG\n"
			 "  set \"a\"\n"
			 "  set \"b\" \"c\"\n"
			 "  set \"d\"\n" },
	{ "ARG a=", "2:1 ARG\n"
		    "  set \"a\" \"\"\n" },
	{ "ARG a=\"b c\"", "2:1 ARG\n"
			   "  set \"a\" \"\\\"b c\\\"\"\n" },
	{ "ARG \"a b\"", "2:1 ARG\n"
			 "  set \"\\\"a b\\\"\"\n" },
};

static const struct tree heredocs[] = {
	{ "RUN <<E\n"
	  "a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"a\\n\"\n" },
	{ "RUN <<E\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"\"\n" },
	{ "RUN <<E\n"
	  "\n"
	  " a\n"
	  "# b\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"\\n a\\n# b\\n\"\n" },
	{ "RUN <<E\n"
	  "a\\\n"
	  "b\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"a\\\\\\nb\\n\"\n" },
	{ "RUN <<'E'\n"
	  "$a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<'E'\"\n"
	  "  here-document \"E\" literal \"$a\\n\"\n" },
	{ "RUN <<\"E\"\n"
	  "$a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<\\\"E\\\"\"\n"
	  "  here-document \"E\" literal \"$a\\n\"\n" },
	{ "RUN <<\\E\n"
	  "$a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<\\\\E\"\n"
	  "  here-document \"E\" literal \"$a\\n\"\n" },
	{ "RUN <<-E\n"
	  "\ta\n"
	  "\t\tb\n"
	  " c\n"
	  "\tE",
	  "2:1 RUN\n"
	  "  text \"<<-E\"\n"
	  "  here-document \"E\" \"a\\nb\\n c\\n\"\n" },
	{ "RUN <<-'E'\n"
	  "\ta\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<-'E'\"\n"
	  "  here-document \"E\" literal \"a\\n\"\n" },
	{ "RUN <<E\n"
	  "\ta\n"
	  "\tE\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"\\ta\\n\\tE\\n\"\n" },
	{ "RUN <<E\n"
	  "EE\n"
	  " E\n"
	  "E \n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"EE\\n E\\nE \\n\"\n" },
	{ "RUN a <<E b\n"
	  "c\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"a <<E b\"\n"
	  "  here-document \"E\" \"c\\n\"\n" },
	{ "RUN <<A <<B\n"
	  "a\n"
	  "A\n"
	  "b\n"
	  "B",
	  "2:1 RUN\n"
	  "  text \"<<A <<B\"\n"
	  "  here-document \"A\" \"a\\n\"\n"
	  "  here-document \"B\" \"b\\n\"\n" },
	{ "RUN 3<<E\n"
	  "a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"3<<E\"\n"
	  "  here-document \"E\" \"a\\n\"\n" },
	{ "RUN a <<E && \\\n"
	  "  b\n"
	  "c\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"a <<E &&   b\"\n"
	  "  here-document \"E\" \"c\\n\"\n" },
	{ "RUN \"<<E\"", "2:1 RUN\n"
			 "  text \"\\\"<<E\\\"\"\n" },
	{ "RUN '<<E'", "2:1 RUN\n"
		       "  text \"'<<E'\"\n" },
	{ "RUN \\<<E", "2:1 RUN\n"
		       "  text \"\\\\<<E\"\n" },
	{ "RUN a<<E", "2:1 RUN\n"
		      "  text \"a<<E\"\n" },
	{ "RUN <<<E", "2:1 RUN\n"
		      "  text \"<<<E\"\n" },
	{ "RUN << E", "2:1 RUN\n"
		      "  text \"<< E\"\n" },
	{ "RUN a $((1 << 2))", "2:1 RUN\n"
			       "  text \"a $((1 << 2))\"\n" },
	{ "RUN <<\"\"", "2:1 RUN\n"
			"  text \"<<\\\"\\\"\"\n" },
	{ "RUN <<E\n"
	  "RUN x\n"
	  "E\n"
	  "USER b",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"RUN x\\n\"\n"
	  "5:1 USER\n"
	  "  text \"b\"\n" },
	{ "RUN <<E\r\n"
	  "a\r\n"
	  "E\r\n"
	  "USER b",
	  "2:1 RUN\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"a\\u{d}\\n\"\n"
	  "5:1 USER\n"
	  "  text \"b\"\n" },
	{ "COPY <<E /x\n"
	  "$a\n"
	  "E",
	  "2:1 COPY\n"
	  "  item \"<<E\"\n"
	  "  item \"/x\"\n"
	  "  here-document \"E\" \"$a\\n\"\n" },
	{ "COPY <<A b <<C /x\n"
	  "a\n"
	  "A\n"
	  "c\n"
	  "C",
	  "2:1 COPY\n"
	  "  item \"<<A\"\n"
	  "  item \"b\"\n"
	  "  item \"<<C\"\n"
	  "  item \"/x\"\n"
	  "  here-document \"A\" \"a\\n\"\n"
	  "  here-document \"C\" \"c\\n\"\n" },
	{ "COPY <<-'E' /x\n"
	  "\ta\n"
	  "\tE",
	  "2:1 COPY\n"
	  "  item \"<<-'E'\"\n"
	  "  item \"/x\"\n"
	  "  here-document \"E\" literal \"a\\n\"\n" },
	{ "ADD <<E /x\n"
	  "a\n"
	  "E",
	  "2:1 ADD\n"
	  "  item \"<<E\"\n"
	  "  item \"/x\"\n"
	  "  here-document \"E\" \"a\\n\"\n" },
	{ "COPY [\"<<E\", \"/x\"]", "2:1 COPY\n"
				    "  json\n"
				    "  item \"<<E\"\n"
				    "  item \"/x\"\n" },
	{ "RUN --mount=type=ssh <<E\n"
	  "a\n"
	  "E",
	  "2:1 RUN\n"
	  "  mount ssh\n"
	  "  text \"<<E\"\n"
	  "  here-document \"E\" \"a\\n\"\n" },
	{ "ONBUILD RUN <<E\n"
	  "a\n"
	  "E",
	  "2:1 ONBUILD\n"
	  "  2:9 RUN\n"
	  "    text \"<<E\"\n"
	  "    here-document \"E\" \"a\\n\"\n" },
	{ "CMD <<E", "2:1 CMD\n"
		     "  text \"<<E\"\n" },
	{ "RUN <<E-F.g\n"
	  "a\n"
	  "E-F.g",
	  "2:1 RUN\n"
	  "  text \"<<E-F.g\"\n"
	  "  here-document \"E-F.g\" \"a\\n\"\n" },
	{ "RUN cat <<E>x\n"
	  "a\n"
	  "E",
	  "2:1 RUN\n"
	  "  text \"cat <<E>x\"\n"
	  "  here-document \"E\" \"a\\n\"\n" },
	{ "RUN (a <<E); b <<\"F;\"|c\n"
	  "a\n"
	  "E\n"
	  "b\n"
	  "F;",
	  "2:1 RUN\n"
	  "  text \"(a <<E); b <<\\\"F;\\\"|c\"\n"
	  "  here-document \"E\" \"a\\n\"\n"
	  "  here-document \"F;\" literal \"b\\n\"\n" },
	{ "COPY <<E;x /y\n"
	  "a\n"
	  "E;x",
	  "2:1 COPY\n"
	  "  item \"<<E;x\"\n"
	  "  item \"/y\"\n"
	  "  here-document \"E;x\" \"a\\n\"\n" },
};

static const struct tree flags[] = {
	{ "COPY --from=b a c", "2:1 COPY\n"
			       "  --from \"b\"\n"
			       "  item \"a\"\n"
			       "  item \"c\"\n" },
	{ "COPY --from=\"b\" a c", "2:1 COPY\n"
				   "  --from \"\\\"b\\\"\"\n"
				   "  item \"a\"\n"
				   "  item \"c\"\n" },
	{ "COPY --link --parents a c", "2:1 COPY\n"
				       "  --link\n"
				       "  --parents\n"
				       "  item \"a\"\n"
				       "  item \"c\"\n" },
	{ "COPY --link=true a c", "2:1 COPY\n"
				  "  --link \"true\"\n"
				  "  item \"a\"\n"
				  "  item \"c\"\n" },
	{ "COPY --link=false a c", "2:1 COPY\n"
				   "  --link \"false\"\n"
				   "  item \"a\"\n"
				   "  item \"c\"\n" },
	{ "COPY --exclude=a --exclude=b c d", "2:1 COPY\n"
					      "  --exclude \"a\"\n"
					      "  --exclude \"b\"\n"
					      "  item \"c\"\n"
					      "  item \"d\"\n" },
	{ "COPY --chown=a:b --chmod=$m a b", "2:1 COPY\n"
					     "  --chown \"a:b\"\n"
					     "  --chmod \"$m\"\n"
					     "  item \"a\"\n"
					     "  item \"b\"\n" },
	{ "ADD --checksum=sha256:0 --keep-git-dir --unpack=false --link --exclude=x a b",
	  "2:1 ADD\n"
	  "  --checksum \"sha256:0\"\n"
	  "  --keep-git-dir\n"
	  "  --unpack \"false\"\n"
	  "  --link\n"
	  "  --exclude \"x\"\n"
	  "  item \"a\"\n"
	  "  item \"b\"\n" },
	{ "RUN --network=host --security=insecure a", "2:1 RUN\n"
						      "  --network \"host\"\n"
						      "  --security \"insecure\"\n"
						      "  text \"a\"\n" },
	{ "RUN -- --a", "2:1 RUN\n"
			"  text \"--a\"\n" },
	{ "RUN \\\n"
	  " --network=none \\\n"
	  " a",
	  "2:1 RUN\n"
	  "  --network \"none\"\n"
	  "  text \"a\"\n" },
	{ "RUN a --network=none", "2:1 RUN\n"
				  "  text \"a --network=none\"\n" },
	{ "HEALTHCHECK --interval=5s --timeout=1m --start-period=0 --start-interval=1.5s "
	  "--retries=3 CMD a",
	  "2:1 HEALTHCHECK\n"
	  "  --interval \"5s\"\n"
	  "  --timeout \"1m\"\n"
	  "  --start-period \"0\"\n"
	  "  --start-interval \"1.5s\"\n"
	  "  --retries \"3\"\n"
	  "  text \"a\"\n" },
	{ "ONBUILD COPY --from=x a b", "2:1 ONBUILD\n"
				       "  2:9 COPY\n"
				       "    --from \"x\"\n"
				       "    item \"a\"\n"
				       "    item \"b\"\n" },
	{ "ONBUILD ADD a b", "2:1 ONBUILD\n"
			     "  2:9 ADD\n"
			     "    item \"a\"\n"
			     "    item \"b\"\n" },
	{ "ONBUILD ENV a=b", "2:1 ONBUILD\n"
			     "  2:9 ENV\n"
			     "    set \"a\" \"b\"\n" },
	{ "HEALTHCHECK none", "2:1 HEALTHCHECK\n"
			      "  none\n" },
	{ "HEALTHCHECK cmd a  b", "2:1 HEALTHCHECK\n"
				  "  text \"a  b\"\n" },
	{ "RUN --device=a=b --device=c x", "2:1 RUN\n"
					   "  --device \"a=b\"\n"
					   "  --device \"c\"\n"
					   "  text \"x\"\n" },
};

static const struct tree mounts[] = {
	{ "RUN --mount=target=/a x", "2:1 RUN\n"
				     "  mount bind target \"/a\" ro\n"
				     "  text \"x\"\n" },
	{ "RUN --mount=type=bind,source=a,target=/b x",
	  "2:1 RUN\n"
	  "  mount bind source \"a\" target \"/b\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,src=a,dst=/b,from=c,rw x",
	  "2:1 RUN\n"
	  "  mount bind from \"c\" source \"a\" target \"/b\" rw\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,destination=/b,readwrite=false x",
	  "2:1 RUN\n"
	  "  mount bind target \"/b\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,target=/b,ro=false x", "2:1 RUN\n"
							"  mount bind target \"/b\" rw\n"
							"  text \"x\"\n" },
	{ "RUN --mount=type=cache,target=/c x", "2:1 RUN\n"
						"  mount cache target \"/c\" sharing shared rw\n"
						"  text \"x\"\n" },
	{ "RUN --mount=target=/c,type=cache,id=i,sharing=private,ro,mode=0700,uid=1,gid=2 x",
	  "2:1 RUN\n"
	  "  mount cache target \"/c\" id \"i\" sharing private ro mode 0700 uid 1 gid 2\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=TYPE=Cache,Target=/c,Sharing=LOCKED x",
	  "2:1 RUN\n"
	  "  mount cache target \"/c\" sharing locked rw\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=tmpfs,target=/t x", "2:1 RUN\n"
						"  mount tmpfs target \"/t\"\n"
						"  text \"x\"\n" },
	{ "RUN --mount=type=tmpfs,target=/t,size=64m x",
	  "2:1 RUN\n"
	  "  mount tmpfs target \"/t\" size 67108864\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=tmpfs,target=/t,size=1GiB x",
	  "2:1 RUN\n"
	  "  mount tmpfs target \"/t\" size 1073741824\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=tmpfs,target=/t,size=100 x", "2:1 RUN\n"
							 "  mount tmpfs target \"/t\" size 100\n"
							 "  text \"x\"\n" },
	{ "RUN --mount=type=secret,id=s x", "2:1 RUN\n"
					    "  mount secret id \"s\"\n"
					    "  text \"x\"\n" },
	{ "RUN --mount=type=secret,id=s,env=V,required x",
	  "2:1 RUN\n"
	  "  mount secret id \"s\" env \"V\" required\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=secret,target=/s,mode=0400,uid=0,required=true x",
	  "2:1 RUN\n"
	  "  mount secret target \"/s\" required mode 0400 uid 0\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=ssh x", "2:1 RUN\n"
				    "  mount ssh\n"
				    "  text \"x\"\n" },
	{ "RUN --mount=type=ssh,id=k,required=false,target=/s x",
	  "2:1 RUN\n"
	  "  mount ssh target \"/s\" id \"k\"\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,target=/$a,source=${b} x",
	  "2:1 RUN\n"
	  "  mount bind source \"${b}\" target \"/$a\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=\"type=bind,source=a b,target=/c\" x",
	  "2:1 RUN\n"
	  "  mount bind source \"a b\" target \"/c\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,\\\"source=a,b\\\",target=/c x",
	  "2:1 RUN\n"
	  "  mount bind source \"a,b\" target \"/c\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=bind,source=\"a b\",target=/c x",
	  "2:1 RUN\n"
	  "  mount bind source \"a b\" target \"/c\" ro\n"
	  "  text \"x\"\n" },
	{ "RUN --mount=type=cache,target=/a --mount=type=cache,target=/b x",
	  "2:1 RUN\n"
	  "  mount cache target \"/a\" sharing shared rw\n"
	  "  mount cache target \"/b\" sharing shared rw\n"
	  "  text \"x\"\n" },
};

static const struct tree rsync[] = {
	{ "RSYNC a b", "2:1 RSYNC\n"
		       "  item \"a\"\n"
		       "  item \"b\"\n" },
	{ "RSYNC +m a b", "2:1 RSYNC\n"
			  "  option \"+m\"\n"
			  "  item \"a\"\n"
			  "  item \"b\"\n" },
	{ "RSYNC +lu +z -a --exclude=x a b c/", "2:1 RSYNC\n"
						"  option \"+lu\"\n"
						"  option \"+z\"\n"
						"  option \"-a\"\n"
						"  option \"--exclude=x\"\n"
						"  item \"a\"\n"
						"  item \"b\"\n"
						"  item \"c/\"\n" },
	{ "nsync a b", "2:1 RSYNC\n"
		       "  item \"a\"\n"
		       "  item \"b\"\n" },
	{ "RSYNC -- -a b", "2:1 RSYNC\n"
			   "  item \"-a\"\n"
			   "  item \"b\"\n" },
	{ "RSYNC \"a b\" c", "2:1 RSYNC\n"
			     "  item \"\\\"a b\\\"\"\n"
			     "  item \"c\"\n" },
	{ "RSYNC a/b:c d", "2:1 RSYNC\n"
			   "  item \"a/b:c\"\n"
			   "  item \"d\"\n" },
	{ "RSYNC --delete --exclude=\"a b\" a b", "2:1 RSYNC\n"
						  "  option \"--delete\"\n"
						  "  option \"--exclude=\\\"a b\\\"\"\n"
						  "  item \"a\"\n"
						  "  item \"b\"\n" },
};

static const struct tree whole[] = {
	{ "FROM a", "1:1 FROM\n"
		    "  image \"a\"\n" },
	{ "from a", "1:1 FROM\n"
		    "  image \"a\"\n" },
	{ "FROM a AS b", "1:1 FROM\n"
			 "  image \"a\"\n"
			 "  as \"b\"\n" },
	{ "FROM a as B-1.x_", "1:1 FROM\n"
			      "  image \"a\"\n"
			      "  as \"b-1.x_\"\n" },
	{ "FROM --platform=linux/arm64 a", "1:1 FROM\n"
					   "  --platform \"linux/arm64\"\n"
					   "  image \"a\"\n" },
	{ "FROM --arg=A=1 --arg=B=2 a AS c", "1:1 FROM\n"
					     "  --arg \"A=1\"\n"
					     "  --arg \"B=2\"\n"
					     "  image \"a\"\n"
					     "  as \"c\"\n" },
	{ "FROM a@sha256:0", "1:1 FROM\n"
			     "  image \"a@sha256:0\"\n" },
	{ "FROM $A", "1:1 FROM\n"
		     "  image \"$A\"\n" },
	{ "FROM scratch", "1:1 FROM\n"
			  "  image \"scratch\"\n" },
	{ "ARG A=1\n"
	  "FROM $A\n"
	  "ARG A",
	  "1:1 ARG\n"
	  "  set \"A\" \"1\"\n"
	  "2:1 FROM\n"
	  "  image \"$A\"\n"
	  "3:1 ARG\n"
	  "  set \"A\"\n" },
	{ "\xef\xbb\xbf"
	  "FROM a",
	  "1:1 FROM\n"
	  "  image \"a\"\n" },
	{ "\xef\xbb\xbf# escape=`\n"
	  "FROM a",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# escape=`\n"
	  "FROM a\n"
	  "USER a`\n"
	  "b",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n"
	  "3:1 USER\n"
	  "  text \"ab\"\n" },
	{ "# escape=`\n"
	  "FROM a\n"
	  "USER a\\\n"
	  "USER b",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n"
	  "3:1 USER\n"
	  "  text \"a\\\\\"\n"
	  "4:1 USER\n"
	  "  text \"b\"\n" },
	{ "#escape=`\n"
	  "FROM a",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
	{ "#  ESCAPE  =  `  \n"
	  "FROM a",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# escape=\\\n"
	  "FROM a",
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# c\n"
	  "# escape=`\n"
	  "FROM a",
	  "3:1 FROM\n"
	  "  image \"a\"\n" },
	{ "\n"
	  "# escape=`\n"
	  "FROM a",
	  "3:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# unknown=x\n"
	  "# escape=`\n"
	  "FROM a",
	  "3:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# syntax=a/b:1\n"
	  "# escape=`\n"
	  "# check=skip=all;error=true\n"
	  "FROM a",
	  "escape `\n"
	  "syntax \"a/b:1\"\n"
	  "check \"skip=all;error=true\"\n"
	  "4:1 FROM\n"
	  "  image \"a\"\n" },
	{ "#!/usr/bin/env x\n"
	  "# escape=`\n"
	  "FROM a",
	  "3:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# syntax = a b \r\n"
	  "FROM a\r\n",
	  "syntax \"a b\"\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
	{ "# escape=`\n"
	  "FROM a\n"
	  "VOLUME a` b `\"c",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n"
	  "3:1 VOLUME\n"
	  "  item \"a` b\"\n"
	  "  item \"`\\\"c\"\n" },
	{ "# escape=`\n"
	  "FROM a\n"
	  "VOLUME C:\\a \"C:\\\"",
	  "escape `\n"
	  "2:1 FROM\n"
	  "  image \"a\"\n"
	  "3:1 VOLUME\n"
	  "  item \"C:\\\\a\"\n"
	  "  item \"\\\"C:\\\\\\\"\"\n" },
	{ "# syntax=\n"
	  "FROM a",
	  "2:1 FROM\n"
	  "  image \"a\"\n" },
};

static void parse(const char *text, struct ch_dockerfile *df)
{
	struct ch_df_err err;
	int rc = ch_dockerfile_parse(text, strlen(text), df, &err);

	if (rc < 0)
		print_error("%s\n%s\n", text, err.msg);
	assert_int_equal(rc, 0);
}

static void check(const char *before, const struct tree *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ch_auto(dockerfile) struct ch_dockerfile df = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(4096), tree = CH_BUF_INIT(4096);
		ch_auto(buf) struct ch_buf expected = CH_BUF_INIT(4096);

		ch_buf_addf(&text, "%s%s", before, cases[i].text);
		ch_buf_addf(&expected, "%s%s", *before ? "1:1 FROM\n  image \"a\"\n" : "",
			    cases[i].tree);

		parse(text.data, &df);
		ch_dockerfile_print(&df, &tree);

		assert_string_equal(tree.data, expected.data);
	}
}

static void lines_are_continued_and_comments_removed(void **state)
{
	(void)state;
	check("FROM a\n", lines, ARRAY_SIZE(lines));
}

static void words_keep_quotes_and_end_at_blanks(void **state)
{
	(void)state;
	check("FROM a\n", words, ARRAY_SIZE(words));
}

static void json_is_told_from_other_text(void **state)
{
	(void)state;
	check("FROM a\n", json_forms, ARRAY_SIZE(json_forms));
}

static void names_and_values_are_separated(void **state)
{
	(void)state;
	check("FROM a\n", pairs, ARRAY_SIZE(pairs));
}

static void here_documents_are_read(void **state)
{
	(void)state;
	check("FROM a\n", heredocs, ARRAY_SIZE(heredocs));
}

static void flags_are_in_front(void **state)
{
	(void)state;
	check("FROM a\n", flags, ARRAY_SIZE(flags));
}

static void mounts_are_understood(void **state)
{
	(void)state;
	check("FROM a\n", mounts, ARRAY_SIZE(mounts));
}

static void rsync_has_its_own_options(void **state)
{
	(void)state;
	check("FROM a\n", rsync, ARRAY_SIZE(rsync));
}

static void files_are_read_as_a_whole(void **state)
{
	(void)state;
	check("", whole, ARRAY_SIZE(whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_continued_and_comments_removed),
		cmocka_unit_test(words_keep_quotes_and_end_at_blanks),
		cmocka_unit_test(json_is_told_from_other_text),
		cmocka_unit_test(names_and_values_are_separated),
		cmocka_unit_test(here_documents_are_read),
		cmocka_unit_test(flags_are_in_front),
		cmocka_unit_test(mounts_are_understood),
		cmocka_unit_test(rsync_has_its_own_options),
		cmocka_unit_test(files_are_read_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
