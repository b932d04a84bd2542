"""What CloudWatch makes of log lines: metric filters, saved queries, alarms.

No stand-in for AWS evaluates any of the three, so this does, for exactly the forms that the template uses; anything
else is a SyntaxError. It needs only the standard library.

    python3 -m cloudwatch WhoReadWhat < LOG

in sample-function/tests prints the table that the saved query of that name gives for a log.
"""
