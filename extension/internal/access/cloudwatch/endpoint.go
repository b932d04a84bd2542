package cloudwatch

import "strings"

// Endpoint is the address of CloudWatch Logs in a region, as AWS's partitions have it.
func Endpoint(region string, useFIPS, useDualStack bool) string {
	service := "logs"
	if useFIPS && !strings.HasPrefix(region, "us-gov-") { // there every endpoint is
		service = "logs-fips"
	}
	domain := "amazonaws.com"
	switch {
	case strings.HasPrefix(region, "cn-") && useDualStack:
		domain = "api.amazonwebservices.com.cn"
	case strings.HasPrefix(region, "cn-"):
		domain = "amazonaws.com.cn"
	case useDualStack:
		domain = "api.aws"
	}
	return "https://" + service + "." + region + "." + domain
}
